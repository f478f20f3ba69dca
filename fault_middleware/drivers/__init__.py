# SPDX-License-Identifier: Apache-2.0
"""What authors of Tacker's management drivers import: errors that say what failed."""
