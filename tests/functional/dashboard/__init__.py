# SPDX-License-Identifier: Apache-2.0
"""A real Horizon with trove-dashboard and our panel, in front of a cloud, and a browser."""
