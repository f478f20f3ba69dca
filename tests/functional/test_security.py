# SPDX-License-Identifier: Apache-2.0
"""Nobody sees what they may not: keystonemiddleware's filters, hostile requests and files."""

import base64
import itertools
import logging
import os
import time

import pytest
import webtest
from keystonemiddleware import auth_token, external_oauth2_token
from keystonemiddleware.auth_token import _exceptions

from fault_middleware import fault
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from tests.fixtures import (
    INSTANCE,
    Service,
    close,
    make_store,
    new_database,
    parse,
    read_data,
    write_configuration,
)

SHOW = f"/p1/instances/{INSTANCE}"
SECRET = "Traceback of the details"
FORGED = {
    "X-Roles": "admin",
    "X_Roles": "admin",
    "X-Role": "admin",
    "OpenStack-System-Scope": "all",
    "X-Is-Admin-Project": "True",
    "X-Identity-Status": "Confirmed",
    "X-Service-Roles": "admin,service",
    "X-Service-Identity-Status": "Confirmed",
    "X-User-Id": "root",
}
OWN = {"message": "own", "created": "2026-01-01T00:00:00", "details": SECRET}


AUTHTOKEN = {
    "service_token_roles_required": True,
    "www_authenticate_uri": "http://127.0.0.1/identity",
}


class AuthProtocol(auth_token.AuthProtocol):
    """auth_token with only the look-up replaced: a token is ``ROLE`` or ``ROLE:system``."""

    def fetch_token(self, token, allow_expired=False):
        role, _, scope = token.partition(":")
        if role not in ("admin", "member", "service"):
            raise _exceptions.InvalidToken("no such token")
        domain = {"id": "d", "name": "d"}
        scoped = (
            {"system": {"all": True}}
            if scope == "system"
            else {"project": {"id": "p1", "name": "p1", "domain": domain}}
        )
        return {
            "token": {
                "methods": ["password"],
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "expires_at": "2099-01-01T00:00:00.000000Z",
                "user": {"id": "u", "name": "u", "domain": domain},
                "roles": [{"id": role, "name": role}],
                "catalog": [],
                **scoped,
            }
        }


class World:
    """A service with a fault, and a file of policies."""

    def __init__(self, tmp_path):
        url = f"sqlite:///{tmp_path}/faults.sqlite"
        self.store = make_store(url)
        self.store.record(
            [fault.make("trove", INSTANCE, message="boom", details=SECRET)]
        )
        self.policy = tmp_path / "policy.yaml"
        self.folder, self.url = tmp_path, url
        self.service = Service()

    def filter(self, **values):
        values = {
            "consumer": "external",
            "policy_file": str(self.policy),
            **values,
        }
        file = write_configuration(self.folder / "x.conf", self.url, **values)
        return FaultMiddleware(self.service, parse(file))

    def behind_authtoken(self, application=None, **options):
        conf = {**AUTHTOKEN, **options}
        return webtest.TestApp(
            AuthProtocol(application or self.filter(), conf)
        )

    def sees(self, app, headers=None, path=SHOW):
        """Whether the details are in the answer; the fault is, in any case."""
        answer = app.get(path, headers=headers or {}, status="*")
        assert answer.status_int in (200, 401, 404)
        assert (
            answer.status_int != 200
            or "boom" in answer.text
            or "own" in answer.text
        )
        return SECRET in answer.text


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    close(made.store)


def test_a_token_decides(world):
    app = world.behind_authtoken()

    assert world.sees(app, {"X-Auth-Token": "admin"})
    assert world.sees(app, {"X-Auth-Token": "admin:system"})
    assert not world.sees(app, {"X-Auth-Token": "member"})
    assert not world.sees(app, {"X-Auth-Token": "member:system"})


@pytest.mark.parametrize(
    "forged", [dict([one]) for one in FORGED.items()] + [FORGED]
)
def test_forged_headers_show_no_details(world, forged, caplog):
    behind = world.behind_authtoken()
    delayed = world.behind_authtoken(delay_auth_decision=True)
    nowhere = webtest.TestApp(world.filter())
    before = webtest.TestApp(world.filter(), extra_environ={})
    before.app._application = AuthProtocol(world.service, AUTHTOKEN)

    assert not world.sees(behind, {"X-Auth-Token": "member", **forged})
    assert not world.sees(behind, {"X-Auth-Token": "rubbish", **forged})
    assert not world.sees(behind, forged)
    for token in ({}, {"X-Auth-Token": "rubbish"}, {"X-Auth-Token": "member"}):
        assert not world.sees(delayed, {**token, **forged})
    for _ in range(2):
        assert not world.sees(nowhere, forged)
        assert not world.sees(before, {"X-Auth-Token": "member", **forged})
        assert not world.sees(before, forged)
    assert caplog.text.count("keystone.token_auth in its environment") == 1


@pytest.mark.parametrize("service_token", ["service:system", "service"])
def test_a_service_token_gives_its_bearer_no_details(world, service_token):
    app = world.behind_authtoken()

    headers = {"X-Auth-Token": "member", "X-Service-Token": service_token}
    assert not world.sees(app, headers)
    headers = {
        "X-Auth-Token": "admin:system",
        "X-Service-Token": service_token,
    }
    assert world.sees(app, headers)


class ExternalAuth2Protocol(external_oauth2_token.ExternalAuth2Protocol):
    """external_oauth2_token with the introspection replaced: a token is a list of roles."""

    def _fetch_token(self, access_token):
        return {
            "roles": access_token,
            "user_id": "u",
            "project_id": "p1",
            "is_admin": "false",
        }


def test_a_token_of_an_external_server_decides(world):
    conf = {
        "audience": "a",
        "introspect_endpoint": "http://127.0.0.1:1/",
        "auth_method": "client_secret_basic",
        "client_id": "c",
        "client_secret": "s",
    }
    wrapped = world.filter(credentials="external_oauth2")
    app = webtest.TestApp(ExternalAuth2Protocol(wrapped, conf))

    assert world.sees(app, {"Authorization": "Bearer member,admin"})
    assert not world.sees(app, {"Authorization": "Bearer member", **FORGED})
    assert not world.sees(app, FORGED)
    # Nor does what one of them vouches for count for the other.
    other = webtest.TestApp(ExternalAuth2Protocol(world.filter(), conf))
    assert not world.sees(other, {"Authorization": "Bearer admin"})


POLICIES = {
    "absent": None,
    "empty": "",
    "not YAML": "{",
    "a list": "- a",
    "a text": "text",
    "a bad rule": '"fault_middleware:show:details": "(("',
    "a number": '"fault_middleware:show:details": 5',
    "a cycle": '"a": "rule:b"\n"b": "rule:a"\n"fault_middleware:show:details": "rule:a"',
    "a cycle on itself": '"fault_middleware:show:details": "rule:fault_middleware:show:details"',
    "an unknown rule": '"fault_middleware:show:details": "rule:nowhere"',
    "an unknown check": '"fault_middleware:show:details": "nothing:of:the:kind"',
    "a server that is down": '"fault_middleware:show:details": "http://127.0.0.1:1/"',
    "a misspelt name": '"fault_middleware:show:detail": "@"',
    "a default that allows": '"default": "@"\n"fault_middleware:show:details": "rule:nowhere"',
    "never": '"fault_middleware:show:details": "!"',
}


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_whatever_the_policy_file_says_a_member_sees_no_details(world, text):
    if text is not None:
        world.policy.write_text(text)
    app = world.behind_authtoken()

    for _ in range(2):
        assert not world.sees(app, {"X-Auth-Token": "member"})


@pytest.mark.parametrize("rule", ['""', "null", '"@"'])
def test_a_rule_that_allows_all_is_obeyed_with_a_warning(world, rule, caplog):
    world.policy.write_text(f'"fault_middleware:show:details": {rule}')
    app = world.behind_authtoken()

    for _ in range(2):
        assert world.sees(app, {"X-Auth-Token": "member"})
    assert caplog.text.count("everybody sees the details") == 1


def test_a_rule_of_the_services_code_is_an_error_in_the_log(world, caplog):
    world.policy.write_text(
        '"fault_middleware:show:details": "role:x or rule:context_is_admin"'
    )

    assert not world.sees(world.behind_authtoken(), {"X-Auth-Token": "admin"})
    assert "refers to the rule context_is_admin" in caplog.text


@pytest.mark.parametrize(
    "change", ["{", '"fault_middleware:show:details": "!"', None]
)
def test_a_policy_that_changes_while_it_serves(world, change):
    world.policy.write_text('"fault_middleware:show:details": "role:admin"')
    app = world.behind_authtoken()
    assert world.sees(app, {"X-Auth-Token": "admin"})

    later = time.time() + 10
    if change is None:
        world.policy.unlink()
    else:
        world.policy.write_text(change)
        os.utime(world.policy, (later, later))

    for _ in range(3):
        assert not world.sees(app, {"X-Auth-Token": "member"})
    # The file that is gone leaves the default, which is the strictest.
    assert (
        world.sees(app, {"X-Auth-Token": "admin"}) == (change is None)
        or change == "{"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/p1//instances/{}",
        "//p1/instances/{}",
        "/p1/instances/{}/",
        "/p1/instances/{}%0a",
        "/p1/instances/{}.json",
        "/p1/instances/{}%2F",
        "/p1/instances/%2F{}",
        "/p1/./instances/{}",
        "/p1/instances/{}%20",
        "/p1/instances/{}%00",
        "/v1.0/p1/instances/{}",
        "/p1/instances/{}?a=b",
        "/p1/instances/{};a=b",
    ],
)
def test_no_way_to_write_the_path_shows_more_than_the_plain_one(world, path):
    world.service.body = {"instance": {"id": INSTANCE, "name": "n"}}
    app = world.behind_authtoken()

    for one in (INSTANCE, INSTANCE.upper()):
        answer = app.get(
            path.format(one), headers={"X-Auth-Token": "member"}, status="*"
        )
        assert SECRET not in answer.text


@pytest.mark.parametrize(
    "path", ["/p1//instances/{}", "//p1/instances/{}", "/p1/instances/{}"]
)
def test_the_services_own_details_are_hidden_on_every_path_that_shows_them(
    world, path
):
    world.service.body = {"instance": {"id": INSTANCE, "fault": OWN}}
    app = world.behind_authtoken()

    assert not world.sees(
        app, {"X-Auth-Token": "member"}, path.format(INSTANCE)
    )


def test_neither_an_error_nor_a_library_tells_the_texts_of_a_refused_row(
    mariadb, caplog
):
    caplog.set_level(logging.DEBUG)
    with new_database(mariadb) as url:
        store = make_store(url)
        with store.writer.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER no BEFORE INSERT ON instance_faults FOR EACH"
                " ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1366"
            )
        row = fault.make("trove", INSTANCE, message="a text of no use")

        with pytest.raises(Exception, match="1366") as raised:
            store.record([row])
        close(store)

    assert "a text of no use" not in str(raised.value)
    assert "1366" in caplog.text
    assert "a text of no use" not in caplog.text


def test_our_own_log_holds_no_secrets_and_no_payloads(
    tmp_path, caplog, configure, sqlite_url
):
    """At DEBUG, through a failing store, a refused row and a broken policy."""
    caplog.set_level(logging.DEBUG, logger="fault_middleware")
    store = make_store(sqlite_url)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no BEFORE INSERT ON instance_faults"
            " WHEN new.service <> '-' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    deployment = deploy(configure(consumer="external"))
    secrets = read_data("secrets.json")["secrets"]
    for case in secrets:
        text = base64.b64decode(case["text_b64"]).decode()
        notification = {
            "event_type": "dbaas.x.error",
            "priority": "INFO",
            "message_id": "m",
            "payload": {
                "instance_id": "an id of no use",
                "message": text,
                "exception": text,
            },
        }
        deployment.recorder.extract(notification)
        notification["payload"]["instance_id"] = INSTANCE
        rows = deployment.recorder.extract(notification)
        deployment.recorder.record(rows, lambda seconds: False)

    logged = "\n".join(
        record.getMessage() + str(record.exc_text)
        for record in caplog.records
        if record.name.startswith("fault_middleware")
    )
    assert "refused by the database" in logged
    for case in secrets:
        assert base64.b64decode(case["secret_b64"]).decode() not in logged
    close(deployment.store)
    close(store)


def test_combinations_of_forged_headers(world):
    app = world.behind_authtoken(delay_auth_decision=True)
    for pair in itertools.combinations(FORGED.items(), 2):
        assert not world.sees(app, dict(pair))
