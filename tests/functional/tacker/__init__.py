# SPDX-License-Identifier: Apache-2.0
"""A throw-away deployment of the real Tacker, for tests.

``deployment.py`` makes and serves it, ``vnfs.py`` names what is in it; the other modules run
inside Tacker's own processes: the seed of its database, its conductor failing in a management
driver, and that driver.
"""
