# SPDX-License-Identifier: Apache-2.0
"""The commands; each module is one, its ``main`` the entry point."""
