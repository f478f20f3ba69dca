# SPDX-License-Identifier: Apache-2.0
"""What is on the page of faults in the dashboard; ``tox -e dashboard`` looks at it in Horizon."""

import contextlib
import threading

import pytest
from keystoneauth1 import session, token_endpoint

from fault_middleware.client.cloud import Cloud
from fault_middleware.dashboard import page as module
from tests.catalog import answer, served
from tests.imports import loaded_by

PROJECT = "a1" * 16
LISTS = {
    "/v2.1/servers/detail": "servers",
    "/v1/notifications": "notifications",
}


def server(number):
    """A server that has failed; the larger its number, the later."""
    created = f"2026-11-28T06:{number // 60:02}:{number % 60:02}Z"
    fault = {"created": created, "message": f"Server {number} has failed."}
    return {
        "id": f"5e000000-{number}",
        "name": f"web-{number}",
        "status": "ERROR",
        "tenant_id": PROJECT,
        "fault": fault,
    }


class Services:
    """Nova and Masakari at one address.

    :ivar servers: what Nova lists
    :ivar status: what Masakari answers
    :ivar may_answer: until when Masakari waits
    """

    def __init__(self):
        self.servers = []
        self.status = "200 OK"
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, environ, start_response):
        name = LISTS.get(environ["PATH_INFO"])
        headers = [("X-Instance-Faults", "shown")]
        if name == "servers":
            body = {name: self.servers}
            return answer(start_response, body, headers=headers)
        self.may_answer.wait(60)
        body = {name: []}
        return answer(start_response, body, self.status, headers)


@pytest.fixture
def services():
    return Services()


@pytest.fixture
def page(services):
    """The page, as somebody asks for it."""
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(served(services))
        stack.callback(services.may_answer.set)
        catalog = {"compute": address, "instance-ha": address}
        token = token_endpoint.Token("", "token")
        cloud = Cloud(session.Session(token), catalog.get, PROJECT)

        def ask(service="", text="", all_projects=False, **moved):
            catalog.update(moved)
            return module.page(
                cloud, service=service, text=text, all_projects=all_projects
            )

        yield ask


def test_a_page_has_the_newest_faults_and_says_how_many_it_leaves_out(
    services, page
):
    services.servers = [server(number) for number in range(203)]

    shown = page()

    assert len(shown.rows) == module.MOST_ROWS == 200
    assert shown.rows[0].message == "Server 202 has failed."
    assert shown.rows[0].created.isoformat() == "2026-11-28T06:03:22+00:00"
    assert shown.older == 3
    assert shown.services == ("masakari", "nova")


@pytest.mark.parametrize("text", ["WEB-7", "server 7 ", "5e000000-7"])
def test_a_text_is_looked_for_everywhere_in_a_row(services, page, text):
    services.servers = [server(number) for number in range(5, 9)]

    (row,) = page(text=text).rows

    assert row.name == "web-7"


def test_one_service_alone_is_asked(services, page):
    services.servers = [server(1)]
    services.status = "500 Internal Server Error"

    shown = page(service="nova")

    assert [row.service for row in shown.rows] == ["nova"]
    assert shown.remarks == ()
    assert shown.services == ("masakari", "nova")


def test_a_service_that_the_cloud_does_not_have_shows_nothing(services, page):
    services.servers = [server(1)]

    assert page(service="cinder").rows == ()


def test_what_is_for_other_users_is_no_warning(services, page):
    services.status = "403 Forbidden"

    shown = page()

    assert shown.remarks == ()
    assert shown.others == ("notification (masakari)",)


def test_a_refusal_is_a_line(services, page):
    services.servers = [server(1)]
    services.status = "500 Internal Server Error"

    shown = page()

    assert shown.remarks == ("notification (masakari): it answers 500",)
    assert len(shown.rows) == 1


def test_an_address_that_does_not_answer_is_in_the_log_alone(
    services, page, caplog
):
    services.servers = [server(1)]

    shown = page(**{"instance-ha": "http://127.0.0.1:1"})

    assert shown.remarks == (
        "notification (masakari): the service does not answer",
    )
    assert len(shown.rows) == 1
    assert "http://127.0.0.1:1" in caplog.text


def test_a_service_that_is_slow_keeps_the_page_waiting_for_a_while(
    services, page, monkeypatch
):
    monkeypatch.setattr(module, "SECONDS", 3.0)
    services.servers = [server(1)]
    services.may_answer.clear()

    shown = page()

    assert shown.remarks == (
        "notification (masakari): the service does not answer",
    )
    assert len(shown.rows) == 1


def test_nothing_of_a_server_or_of_a_terminal_is_imported():
    loaded = loaded_by("from fault_middleware.dashboard import page")

    unwanted = {
        *("sqlalchemy", "oslo_messaging", "oslo_db", "oslo_policy"),
        *("cliff", "osc_lib", "openstackclient", "django"),
    }
    assert unwanted.isdisjoint(loaded)
    assert "fault_middleware.store" not in loaded
