# SPDX-License-Identifier: Apache-2.0
"""Asks a deployed API over HTTP."""

import http.client


def request(
    deployment, path, token=None, method="GET", body=None, headers=None
):
    """Status, headers and body of an answer of the API."""
    sent = {"Host": "trove.example.org", **(headers or {})}
    if token:
        sent["X-Auth-Token"] = token
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(
        "127.0.0.1", deployment.port, timeout=30
    )
    try:
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()
