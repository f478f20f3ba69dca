# SPDX-License-Identifier: Apache-2.0
"""Watcher's API in our filter, as a WSGI server is given it; its file is in WATCHER_CONF."""

import os
import sys

from keystonemiddleware.auth_token import _exceptions
from oslo_config import cfg

from fault_middleware import FaultMiddleware
from tests.keystone import read_token

# Watcher reads its options from the command line, which is the server's.
sys.argv = ["watcher-api", "--config-file", os.environ["WATCHER_CONF"]]

from watcher.api.middleware import auth_token  # noqa: E402


class Tokens(auth_token.AuthTokenMiddleware):
    """Watcher's own, with only the look-up of the token replaced."""

    def fetch_token(self, token, allow_expired=False):
        found = read_token(token)
        if found is None:
            raise _exceptions.InvalidToken("no such token")
        return found


auth_token.AuthTokenMiddleware = Tokens

from watcher.wsgi.api import application as watcher  # noqa: E402

application = FaultMiddleware(watcher, cfg.CONF)
