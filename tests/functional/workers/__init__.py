# SPDX-License-Identifier: Apache-2.0
"""A small service whose workers log what fails, for the tests of the log handler."""
