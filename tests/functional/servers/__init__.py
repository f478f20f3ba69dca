# SPDX-License-Identifier: Apache-2.0
"""A small service for the WSGI servers that APIs run in; see ``test_servers.py``."""
