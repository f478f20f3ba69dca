# SPDX-License-Identifier: Apache-2.0
"""A throw-away deployment of the real Trove, for tests.

``deployment.py`` makes and serves it, ``failures.py`` and ``endings.py`` say what fails there and
until when; the other modules run inside Trove's own processes: stand-ins for the clouds, the seed
of its database, its guest agents, and scripts that let operations fail.
"""
