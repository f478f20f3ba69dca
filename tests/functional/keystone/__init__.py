# SPDX-License-Identifier: Apache-2.0
"""A throw-away deployment of the real Keystone, for tests that need real users and a catalog."""
