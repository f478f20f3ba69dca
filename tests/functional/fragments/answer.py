# SPDX-License-Identifier: Apache-2.0
"""A paste filter that answers as the application behind it would, without a database.

Its place is directly behind our filter.  So a request gets this answer only through all that
stands before: the service's own loader, its pipeline, authtoken, and our filter.
"""

import os


def filter_factory(global_conf, **local_conf):
    body = os.environ["FRAGMENT_ANSWER"].encode()

    def application(environ, start_response):
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]
        start_response("200 OK", headers)
        return [body]

    return lambda behind: application
