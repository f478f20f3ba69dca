# SPDX-License-Identifier: Apache-2.0
"""Horizon as a WSGI server is given it, and what a web server hands out beside it."""

from django.conf import settings
from openstack_dashboard.wsgi import application as horizon
from webob.static import DirectoryApp

_FILES = DirectoryApp(settings.STATIC_ROOT)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith(settings.STATIC_URL):
        environ["PATH_INFO"] = "/" + path.removeprefix(settings.STATIC_URL)
        return _FILES(environ, start_response)
    return horizon(environ, start_response)
