# SPDX-License-Identifier: Apache-2.0
"""A throw-away deployment of the real Trove, for tests.

``deployment.py`` makes and serves it; the other modules run inside Trove's own
processes: stand-ins for the clouds, the seed of its database, and a script that lets
operations fail.
"""
