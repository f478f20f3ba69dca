# SPDX-License-Identifier: Apache-2.0
"""What a request may cost, where it can be counted; what is measured is in ``tests/bench``."""

import json
import pkgutil
import subprocess
import sys
from collections import Counter
from datetime import datetime

import pytest

from fault_middleware import fault
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from fault_middleware.store import Store
from tests.fixtures import INSTANCE, PROJECT, close, make_store

SHOW = f"/{PROJECT}/instances/{INSTANCE}"
LIST = f"/{PROJECT}/instances/detail"
# The body of a show is decoded once: the name of its member, and the instance.
PARSED = {"decoded": 1, "JSON values": 2}
OWN = {"message": "own", "created": "2026-11-20T20:36:05"}


MOMENT = datetime(2026, 11, 20, 20, 36, 5)
PROFILE = """\
service: mine
routes:
  - path: /{id}
    object: ""
    names: name
    fault: {created: "%Y-%m-%dT%H:%M:%S"}
    within: {instance_id: owner, since: since, until: until}
"""


class Answer(list):
    """An iterable that can be told from all others."""


class Costs:
    """A filter, and how often it did what takes time."""

    def __init__(self, conf, store, monkeypatch):
        self.store = store
        self.counts = Counter()
        self.answer = Answer()
        self.environ = None
        self._filter = FaultMiddleware(self._application, conf)
        parts = deploy(conf)
        parts.store.newest("trove", "x")  # connects
        for target, name in (
            ("fault_middleware.engines.Lookup.rows", "statement"),
            ("fault_middleware.body.locate", "decoded"),
            ("fault_middleware.body._decode", "JSON values"),
            ("fault_middleware.filter.Response", "response"),
            ("oslo_policy.policy.Enforcer.authorize", "authorize"),
        ):
            self._watch(monkeypatch, target, name)

    def record(self, *instance_ids):
        self.store.record(
            [
                fault.make("trove", one, message="m", details="d")
                for one in instance_ids
            ]
        )

    def ask(self, path, body=None, method="GET", roles="admin"):
        """The counts of one request, and the iterable that the server is given."""
        if body is not None:
            self.answer = Answer([json.dumps(body).encode()])
        self.counts.clear()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "HTTP_X_ROLES": roles,
        }
        given = self._filter(environ, lambda *start: None)
        self.data = b"".join(given)
        return dict(self.counts), given

    def _application(self, environ, start_response):
        self.environ = environ
        start_response("200 OK", [("Content-Type", "application/json")])
        return self.answer

    def _watch(self, monkeypatch, target, name):
        original = pkgutil.resolve_name(target)

        def watched(*arguments, **named):
            self.counts[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(target, watched)


@pytest.fixture
def costs(configure, sqlite_url, monkeypatch):
    store = make_store(sqlite_url)
    conf = configure(consumer="external", credentials="headers")
    yield Costs(conf, store, monkeypatch)
    close(deploy(conf).store)
    close(store)


def shown(instance_id=INSTANCE, **values):
    return {"id": instance_id, **values}


@pytest.mark.parametrize(
    ("path", "method"),
    [(f"{SHOW}/backups", "GET"), ("/", "GET"), (SHOW, "DELETE")],
)
def test_what_does_not_match_costs_nothing(costs, path, method):
    costs.record(INSTANCE)

    counts, given = costs.ask(path, {"instance": shown()}, method)

    assert counts == {}
    assert given is costs.answer


def test_a_show_without_a_fault_is_one_statement_and_no_more(costs):
    counts, _ = costs.ask(SHOW, {"instance": shown()})

    assert counts == {"response": 1, "statement": 1}
    assert costs.data is costs.answer[0]


def test_a_show_with_a_fault_is_one_statement_and_one_question(costs):
    costs.record(INSTANCE)

    counts, _ = costs.ask(SHOW, {"instance": shown()})

    assert counts == {"response": 1, "statement": 1, "authorize": 1, **PARSED}


def test_a_fault_of_the_service_itself_costs_the_same(costs):
    counts, _ = costs.ask(SHOW, {"instance": shown(fault=OWN)})

    assert counts == {"response": 1, "statement": 1, "authorize": 1, **PARSED}


def test_the_body_of_an_answer_that_is_not_ours_is_not_copied(costs):
    counts, _ = costs.ask(SHOW, [])

    assert "JSON values" not in counts
    assert costs.data is costs.answer[0]


def test_the_fault_of_a_parent_and_a_name_in_the_path_take_no_second_look_at_the_body(
    configure, sqlite_url, tmp_path, monkeypatch
):
    file = tmp_path / "mine.yaml"
    file.write_text(PROFILE)
    store = make_store(sqlite_url)
    store.record([fault.make("mine", "parent", message="m", created=MOMENT)])
    conf = configure(
        consumer="external", credentials="headers", profiles=str(file)
    )
    costs = Costs(conf, store, monkeypatch)
    times = {"since": "2026-11-20T20:00:00", "until": "2026-11-20T21:00:00"}

    counts, _ = costs.ask(
        "/named", {"id": "a-7", "name": "named", "owner": "parent", **times}
    )

    assert b'"message": "m"' in costs.data
    assert counts == {
        "response": 1,
        "authorize": 1,
        "statement": 2,
        "decoded": 1,
        "JSON values": 1,
    }
    close(deploy(conf).store)
    close(store)


@pytest.mark.parametrize(
    ("count", "statements"), [(1, 1), (200, 1), (201, 2), (1000, 5)]
)
def test_a_list_is_a_statement_for_each_200_instances(
    costs, count, statements
):
    body = {
        "instances": [shown(f"instance-{number}") for number in range(count)]
    }

    counts, _ = costs.ask(LIST, body)

    # Each instance is read once, and the name of the list.
    assert counts == {"response": 1, "statement": statements, **PARSED} | {
        "JSON values": count + 1
    }


@pytest.mark.parametrize(
    ("roles", "statements"), [("member", 1), ("admin", 2)]
)
def test_in_a_list_the_policy_is_asked_once_and_details_are_read_for_who_may_see_them(
    costs, roles, statements
):
    costs.record("instance-1", "instance-3")
    body = {"instances": [shown(f"instance-{number}") for number in range(5)]}

    counts, _ = costs.ask(LIST, body, roles=roles)

    assert counts == {
        "response": 1,
        "authorize": 1,
        "statement": statements,
        "JSON values": 6,
        "decoded": 1,
    }


def test_a_member_s_list_reads_no_details(costs, monkeypatch):
    costs.record("instance-1")
    read = []
    original = Store.newest_of_many

    def watched(*arguments, **named):
        found = original(*arguments, **named)
        read.extend(row.details for row in found.values())
        return found

    monkeypatch.setattr(Store, "newest_of_many", watched)
    costs.ask(LIST, {"instances": [shown("instance-1")]}, roles="member")

    assert read == [""]


HELP = """
import contextlib
from fault_middleware.cmd import manage
with contextlib.suppress(SystemExit):
    manage.main(["--help"])
"""


@pytest.mark.parametrize(
    ("script", "absent"),
    [
        (
            "import fault_middleware",
            {"oslo_config", "oslo_messaging", "sqlalchemy"},
        ),
        ("import fault_middleware.filter", {"oslo_messaging"}),
        (HELP, {"oslo_messaging"}),
    ],
    ids=["package", "filter", "help"],
)
def test_what_is_not_needed_is_not_loaded(script, absent):
    text = f"{script}\nimport sys\nprint('LOADED', *sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", text]

    ended = subprocess.run(command, capture_output=True, text=True, check=True)

    loaded = set(ended.stdout.rpartition("LOADED")[2].split())
    assert "fault_middleware" in loaded
    assert not loaded & absent
