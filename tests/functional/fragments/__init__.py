# SPDX-License-Identifier: Apache-2.0
"""The APIs of real services, each with its own paste file and our fragment in it.

``service.py`` makes the configuration and serves it; the other modules run inside the service:
``wsgi.py`` is loaded by gunicorn, ``answer.py`` is what answers behind our filter.
"""
