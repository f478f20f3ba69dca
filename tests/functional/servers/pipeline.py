# SPDX-License-Identifier: Apache-2.0
"""A paste pipeline of the filter and an application that shows any instance."""

import json
import os

from paste.deploy import loadapp


def app_factory(global_conf):
    def application(environ, start_response):
        instance_id = environ["PATH_INFO"].rpartition("/")[2]
        body = {"instance": {"id": instance_id, "pid": os.getpid()}}
        data = json.dumps(body).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(data))),
        ]
        start_response("200 OK", headers)
        return [data]

    return application


def load():
    """The pipeline of the file that FAULT_TEST_INI names, and its application ``metrics``."""
    file = f"config:{os.environ['FAULT_TEST_INI']}"
    api, metrics = loadapp(file), loadapp(file, name="metrics")

    def application(environ, start_response):
        asked = metrics if environ["PATH_INFO"] == "/metrics" else api
        return asked(environ, start_response)

    return application
