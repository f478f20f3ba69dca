# SPDX-License-Identifier: Apache-2.0
"""``doctor``: what is wrong with a deployment, and how to mend it.

Each part of a deployment has a module that looks at it (``database``, ``pipeline``, ...) and one
in ``findings`` with what may be said of it.
"""
