# SPDX-License-Identifier: Apache-2.0
"""Each fragment of a paste file, in the API of the real service.

The service's own code loads its own paste file, with our fragment in it, and its configuration
from where it keeps that.  Needs the services in the same virtualenv (``tox -e fragments``).
"""

import http.client
import importlib.util

import pytest

from fault_middleware import fault
from tests.fixtures import close, make_store, new_database, require
from tests.functional.fragments import service as fragments

BY_NAME = {service.name: service for service in fragments.SERVICES}


@pytest.fixture
def database(request, name):
    """The service's own database; empty for a file."""
    if not BY_NAME[name].needs_mariadb:
        yield ""
        return
    with new_database(request.getfixturevalue("mariadb")) as url:
        yield url


def get(deployment, token):
    """Status and text of the answer to a show."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", deployment.port, timeout=60
    )
    headers = {"X-Auth-Token": token} if token else {}
    connection.request("GET", deployment.path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_there_is_a_service_for_each_fragment():
    assert {file.stem for file in fragments.FRAGMENTS.iterdir()} == set(
        BY_NAME
    )


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_the_api_starts_with_the_fragment_and_shows_a_fault(
    name, tmp_path, sqlite_url, database
):
    if importlib.util.find_spec(name) is None:
        require(name, f"{name} is not installed in this virtualenv")
    store = make_store(sqlite_url)
    store.record(
        [fault.make(name, fragments.INSTANCE, message="no space left")]
    )
    home = tmp_path / "home"
    deployment = fragments.build(
        BY_NAME[name], home, faults=sqlite_url, own=database
    )

    with fragments.serve(deployment) as log:
        nobody = get(deployment, "")
        member = get(deployment, "member:p1:alice")

    assert nobody[0] == 401, log.read_text()[-3000:]
    assert member[0] == 200, log.read_text()[-3000:]
    assert "no space left" in member[1]
    close(store)
