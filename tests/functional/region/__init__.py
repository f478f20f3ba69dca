# SPDX-License-Identifier: Apache-2.0
"""A cloud: the APIs of ten services with our filter, behind one real Keystone.

``apis.py`` says how each is configured, ``rows.py`` what has failed in it, and ``deployment.py``
starts them.  What makes things fail is left out: that is in the tests of each service.
"""
