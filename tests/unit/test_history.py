# SPDX-License-Identifier: Apache-2.0
"""``GET <path of a show>/faults``, through the filter."""

import json
import threading
import urllib.parse
from datetime import datetime, timedelta

import jsonschema
import pytest
import webtest

from fault_middleware import fault, package_data
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from fault_middleware.metrics import Site
from fault_middleware.store import Store
from tests.documents import MANUAL, blocks
from tests.fixtures import INSTANCE, PROJECT, close, make_store

SHOW = f"/{PROJECT}/instances/{INSTANCE}"
FAULTS = f"{SHOW}/faults"
MOMENT = datetime(2026, 11, 20, 20, 36, 5, 250000)
ADMIN = {"X-Roles": "admin", "X-Project-Id": "admins"}
MEMBER = {"X-Roles": "member", "X-Project-Id": PROJECT}
HANDED_OVER = """\
service: trove
fault: {created: "%Y-%m-%dT%H:%M:%S"}
routes:
  - path: /{project_id}/instances/{id}
    object: instance
    project_id: tenant_id
    changes_project: true
"""
SCHEMA = package_data.load("history-schema.yaml")


class Closed:
    """A body that counts how often it is closed.

    :param error: what closing it raises
    """

    def __init__(self, error=None):
        self.data = b""
        self.count = 0
        self._error = error

    def __iter__(self):
        return iter([self.data])

    def close(self):
        self.count += 1
        if self._error:
            raise self._error


class Api:
    """A service with a show and nothing else.

    :ivar answers: what it answers, by path: a status, and a body for JSON
    :ivar bodies: what it returns, by path
    :ivar asked: what it was asked
    """

    def __init__(self):
        self.instance = {"id": INSTANCE, "tenant_id": PROJECT}
        self.answers = {}
        self.bodies = {}
        self.asked = []

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        self.asked.append(environ.copy())
        # As routers and parsers do.
        environ["PATH_INFO"] = ""
        environ["wsgi.input"].read()
        if path in self.answers:
            status, body = self.answers[path]
        elif path == SHOW:
            status, body = "200 OK", {"instance": self.instance}
        else:
            status, body = "404 Not Found", {"error": f"no {path}"}
        data = json.dumps(body).encode()
        headers = [("Content-Type", "application/json")]
        headers.append(("Content-Length", str(len(data))))
        headers.append(("X-Request-Id", "req-1"))
        start_response(status, headers)
        body = self.bodies.get(path, Closed())
        body.data = data
        return body


class World:
    """A service behind the filter, and the table."""

    def __init__(self, make_conf, store, **options):
        usual = {
            "consumer": "external",
            "credentials": "headers",
            "history": "true",
        }
        self.conf = make_conf(**{**usual, **options})
        self.api = Api()
        self.store = store
        self.app = webtest.TestApp(
            webtest.lint.middleware(FaultMiddleware(self.api, self.conf))
        )

    def record(self, message="No valid host", minutes=0, **values):
        values = {
            "created": MOMENT + timedelta(minutes=minutes),
            "details": "Traceback",
            "project_id": PROJECT,
            "request_id": "req-2",
            **values,
        }
        made = fault.make("trove", INSTANCE, message=message, **values)
        self.store.record([made])

    def clear(self, minutes, **values):
        self.record("", minutes, is_clearance=True, **values)

    def ask(self, query="", headers=MEMBER, status=200, path=FAULTS):
        answer = self.app.get(path + query, headers=headers, status=status)
        if status == 200:
            jsonschema.validate(
                answer.json, SCHEMA, format_checker=jsonschema.FormatChecker()
            )
        return answer

    def messages(self, query="", headers=MEMBER):
        return [
            entry["message"]
            for entry in self.ask(query, headers).json["faults"]
        ]

    @property
    def errors(self):
        return deploy(self.conf).metrics.counts()


@pytest.fixture
def make(configure, sqlite_url):
    """Makes a world with other options."""
    store = make_store(sqlite_url)
    made = []

    def make_world(**options):
        made.append(World(configure, store, **options))
        return made[-1]

    yield make_world
    for world in made:
        close(deploy(world.conf).store)
    close(store)


@pytest.fixture
def world(make):
    return make()


def test_what_happened_is_told_the_newest_first(world):
    world.record("No valid host", 0)
    world.record("Volume not created", 1)

    answer = world.ask()

    assert answer.content_type == "application/json"
    assert answer.headers["X-Instance-Faults"] == "shown"
    assert [
        {key: entry[key] for key in entry if key != "id"}
        for entry in answer.json["faults"]
    ] == [
        {
            "message": "Volume not created",
            "count": 1,
            "first": "2026-11-20T20:37:05Z",
            "last": "2026-11-20T20:37:05Z",
            "cleared": False,
        },
        {
            "message": "No valid host",
            "count": 1,
            "first": "2026-11-20T20:36:05Z",
            "last": "2026-11-20T20:36:05Z",
            "cleared": False,
        },
    ]


def test_an_instance_that_never_failed_has_an_empty_history(world):
    assert world.ask().json == {"faults": []}


def test_what_happened_again_is_one_entry_at_its_last_time(world):
    world.record("again", 0)
    world.record("once", 1)
    world.record("again", 2)

    first, second = world.ask().json["faults"]

    assert (first["message"], first["count"]) == ("again", 2)
    assert first["first"] == "2026-11-20T20:36:05Z"
    assert first["last"] == "2026-11-20T20:38:05Z"
    assert (second["message"], second["count"]) == ("once", 1)


def test_what_a_clearance_hides_in_the_show_is_marked(world):
    world.record("before", 0)
    world.record("both", 1)
    world.clear(2)
    world.record("both", 3)

    told = {
        entry["message"]: entry["cleared"]
        for entry in world.ask().json["faults"]
    }

    assert told == {"both": False, "before": True}


def test_what_the_success_of_its_operation_hides_is_marked(world):
    world.record("extended", 0, operation="extend")
    world.record("attached", 1, operation="attach")
    world.clear(2, operation="extend")

    told = {
        entry["message"]: entry["cleared"]
        for entry in world.ask().json["faults"]
    }

    assert told == {"attached": False, "extended": True}


def test_faults_of_another_service_or_instance_are_not_told(world):
    world.store.record(
        [
            fault.make("nova", INSTANCE, message="of Nova"),
            fault.make("trove", INSTANCE + "x", message="of another"),
        ]
    )

    assert world.messages() == []


def test_details_are_for_whom_the_policy_says(world):
    world.record(details="first", minutes=0)
    world.record(details="last", minutes=1)

    (member,) = world.ask().json["faults"]
    (admin,) = world.ask(headers=ADMIN).json["faults"]

    assert "details" not in member
    assert "request_id" not in member
    assert (admin["details"], admin["request_id"]) == ("last", "req-2")


def test_details_beyond_the_limit_of_an_answer_have_a_mark(world):
    for number in range(70):
        world.record(f"m{number}", number, details="d" * 65_000)

    told = world.ask(headers=ADMIN).json["faults"]

    lengths = [len(entry["details"]) for entry in told]
    assert lengths == [65_000] * 64 + [5] * 6


class TestPages:
    """A history that is longer than a page."""

    @pytest.fixture
    def world(self, world):
        for number in range(5):
            world.record(f"m{number}", number)
        return world

    def test_each_page_leads_to_the_next_one(self, world):
        pages = []
        query = "?limit=2"
        while query:
            answer = world.ask(query).json
            pages.append([entry["message"] for entry in answer["faults"]])
            query = ""
            for link in answer.get("faults_links", []):
                assert link["href"].startswith(f"http://localhost:80{FAULTS}?")
                query = "?" + urllib.parse.urlsplit(link["href"]).query

        assert pages == [["m4", "m3"], ["m2", "m1"], ["m0"]]

    def test_a_page_that_ends_with_the_last_entry_has_no_next_one(self, world):
        assert "faults_links" not in world.ask("?limit=5").json

    def test_a_marker_may_be_of_any_time(self, world):
        latest = "99991231T235959999999"

        assert world.messages(f"?limit=1&marker={latest}-x") == ["m4"]
        assert world.messages("?marker=00010101T000000000000-x") == []

    def test_the_id_of_an_entry_is_a_marker(self, world):
        marker = world.ask().json["faults"][2]["id"]

        assert world.messages(f"?marker={marker}") == ["m1", "m0"]

    def test_what_happens_meanwhile_does_not_move_the_pages(self, world):
        marker = world.ask("?limit=2").json["faults"][1]["id"]
        world.record("m3", 9)
        world.record("new", 10)

        assert world.messages(f"?marker={marker}") == ["m2", "m1", "m0"]

    def test_a_limit_beyond_the_greatest_is_the_greatest(self, world):
        for number in range(5, 120):
            world.record(f"m{number}", number)

        for query in ("", "?limit=101", f"?limit={'9' * 5000}"):
            answer = world.ask(query).json
            assert len(answer["faults"]) == 100
            (link,) = answer["faults_links"]
            assert "limit=100&" in link["href"]

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=00",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=²",
            "marker=x",
            "marker=",
            "marker=2026-1",
        ],
    )
    def test_a_parameter_that_cannot_be_read_is_the_callers_mistake(
        self, world, query
    ):
        answer = world.ask(f"?{urllib.parse.quote(query, '=')}", status=400)

        name = query.partition("=")[0]
        assert answer.json["badRequest"]["message"].startswith(
            f"{name} is not"
        )

    def test_other_parameters_are_passed_over(self, world):
        assert len(world.messages("?fields=x&limit=3")) == 3


class TestWhoMayAsk:
    @pytest.mark.parametrize("status", ["404 Gone away", "403 Forbidden"])
    def test_who_may_not_see_the_show_gets_the_services_answer_on_it(
        self, world, status
    ):
        world.record()
        world.api.answers[SHOW] = (status, {"error": "of the show"})

        answer = world.ask("?limit=x", status=int(status[:3]))

        assert answer.status == status
        assert answer.json == {"error": "of the show"}
        assert answer.headers["X-Request-Id"] == "req-1"
        assert "X-Instance-Faults" not in answer.headers

    def test_the_service_is_asked_for_the_show_with_the_callers_request(
        self, world
    ):
        headers = {**MEMBER, "X-Auth-Token": "t", "If-None-Match": "*"}
        world.app.get(f"{FAULTS}?limit=1", headers=headers)

        faults, show = world.api.asked
        assert (faults["PATH_INFO"], show["PATH_INFO"]) == (FAULTS, SHOW)
        assert faults["HTTP_IF_NONE_MATCH"] == "*"
        assert "HTTP_IF_NONE_MATCH" not in show
        assert (faults["QUERY_STRING"], show["QUERY_STRING"]) == (
            "limit=1",
            "",
        )
        assert show["HTTP_X_AUTH_TOKEN"] == "t"
        assert show["REQUEST_METHOD"] == "GET"

    @pytest.mark.parametrize(
        "body",
        [
            {"instance": {"id": "another"}},
            {"instance": {}},
            {"id": INSTANCE},
            [],
        ],
    )
    def test_a_show_without_the_instance_is_a_doubt(self, world, body):
        world.record()
        world.api.answers[SHOW] = ("200 OK", body)

        assert world.ask(status=404).json == {"error": f"no {FAULTS}"}

    @pytest.mark.parametrize("status", ["203 Other", "302 Found", "204 None"])
    def test_an_answer_on_the_show_that_is_no_200_is_a_doubt(
        self, world, status
    ):
        world.record()
        world.api.answers[SHOW] = (status, {"instance": world.api.instance})

        assert world.ask(status=404).json == {"error": f"no {FAULTS}"}

    def test_a_show_that_is_too_large_to_read_is_a_doubt(self, world):
        world.record()
        world.api.instance["text"] = "x" * 3_000_000

        assert world.ask(status=404).json == {"error": f"no {FAULTS}"}

    def test_the_rule_may_be_narrower_than_the_fault(self, make, tmp_path):
        file = tmp_path / "policy.yaml"
        file.write_text('"fault_middleware:history": "role:admin"')
        world = make(policy_file=str(file))
        world.record()

        assert world.ask(status=404).json == {"error": f"no {FAULTS}"}
        assert world.messages(headers=ADMIN) == ["No valid host"]

    @pytest.mark.parametrize(
        "text",
        [
            '"fault_middleware:show": "role:admin"',
            '{"fault_middleware:show": "!", "fault_middleware:history": "@"}',
            '"fault_middleware:history": "http://127.0.0.1:1/"',
            '"fault_middleware:history": "rule:nowhere"',
            '"fault_middleware:history": "not role:admin and project_id:%(x)s"',
            "[",
        ],
    )
    def test_whatever_is_no_yes_is_a_no(self, make, tmp_path, text):
        file = tmp_path / "policy.yaml"
        file.write_text(text)
        world = make(policy_file=str(file))
        world.record()

        assert world.ask(status=404).json == {"error": f"no {FAULTS}"}

    def test_a_caller_for_whom_nobody_vouches_may_not_ask(self, make):
        world = make(credentials="keystone")
        world.record()

        assert world.ask(headers=ADMIN, status=404).json == {
            "error": f"no {FAULTS}"
        }


class TestAnInstanceThatWasHandedToAnotherProject:
    @pytest.fixture
    def world(self, make, tmp_path):
        file = tmp_path / "handed-over.yaml"
        file.write_text(HANDED_OVER)
        world = make(profiles=str(file))
        world.record("theirs", 0, project_id="before")
        world.record("nobody's", 1, project_id=None)
        world.record("ours", 2)
        return world

    def test_tells_its_new_owner_nothing_of_the_old_one(self, world):
        assert world.messages() == ["ours", "nobody's"]

    def test_tells_an_administrator_all(self, world):
        assert world.messages(headers=ADMIN) == ["ours", "nobody's", "theirs"]

    def test_has_what_both_had_in_one_entry_for_an_administrator_only(
        self, world
    ):
        world.record("theirs", 3)

        (ours, *_) = world.ask().json["faults"]
        (all_of_it, *_) = world.ask(headers=ADMIN).json["faults"]

        assert (ours["count"], all_of_it["count"]) == (1, 2)
        assert ours["first"] == ours["last"]


class TestTheServicesOwnPath:
    @pytest.mark.parametrize("status", ["200 OK", "401 No", "503 Later"])
    def test_it_stays_as_it_is(self, world, status):
        world.record()
        world.api.answers[FAULTS] = (status, {"faults": "of the service"})

        answer = world.app.get(f"{FAULTS}?limit=x", status=int(status[:3]))

        assert answer.json == {"faults": "of the service"}
        assert "X-Instance-Faults" not in answer.headers
        (asked,) = world.api.asked
        assert asked["QUERY_STRING"] == "limit=x"

    def test_a_show_whose_path_ends_like_that_stays_a_show(self, world):
        path = f"/{PROJECT}/instances/faults"
        world.api.answers[path] = ("200 OK", {"instance": {"id": "faults"}})

        assert world.app.get(path).json == {"instance": {"id": "faults"}}
        assert len(world.api.asked) == 1


class TestOtherRequests:
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
    def test_other_methods_are_the_services(self, world, method):
        world.record()

        answer = world.app.request(
            FAULTS, method=method, headers=MEMBER, status=404
        )

        assert answer.json == {"error": f"no {FAULTS}"}
        assert len(world.api.asked) == 1

    @pytest.mark.parametrize(
        "path",
        [
            f"/{PROJECT}/instances/detail/faults",
            f"/{PROJECT}/flavors/1/faults",
            f"{FAULTS}.json",
            f"{FAULTS}/1",
            f"{SHOW}/FAULTS",
            "/faults",
        ],
    )
    def test_other_paths_are_the_services(self, world, path):
        answer = world.app.get(path, headers=MEMBER, status=404)

        assert answer.json == {"error": f"no {path}"}
        assert "X-Instance-Faults" not in answer.headers

    def test_a_slash_at_the_end_changes_nothing(self, world):
        world.record()

        assert world.ask(path=f"{FAULTS}/").json == world.ask().json

    def test_without_the_option_the_path_is_the_services(self, make):
        world = make(history="false")
        world.record()

        assert world.ask(status=404).json == {"error": f"no {FAULTS}"}
        assert len(world.api.asked) == 1


def test_an_error_of_ours_is_the_services_404_and_is_counted(world, caplog):
    with world.store.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance_faults")

    answer = world.ask(status=404)

    assert answer.json == {"error": f"no {FAULTS}"}
    assert f"errors_total[{Site.FILTER.label}]=1" in world.errors
    assert f"no history of '{SHOW}' is told" in caplog.text


def test_an_error_of_the_service_in_its_show_is_its_404_on_the_history(
    world, caplog
):
    world.api.answers[SHOW] = (
        "200 OK",
        object(),
    )  # which JSON cannot be made of

    answer = world.ask(status=404)

    assert answer.json == {"error": f"no {FAULTS}"}
    assert f"errors_total[{Site.FILTER.label}]=1" in world.errors
    assert f"no history of '{SHOW}' is told" in caplog.text


def test_a_history_takes_two_round_trips_at_most(world, monkeypatch):
    for number in range(100):
        world.record(f"m{number}", number)
    asked = []
    read = world.store.__class__._read
    here = threading.get_ident()

    def counted(store, *arguments):
        # Threads that other tests left may be looking for their databases.
        if threading.get_ident() == here:
            asked.append(arguments)
        return read(store, *arguments)

    monkeypatch.setattr(world.store.__class__, "_read", counted)
    world.ask()
    of_a_member = len(asked)
    world.ask(headers=ADMIN)

    assert (of_a_member, len(asked) - of_a_member) == (1, 2)


def test_a_path_that_is_not_ascii_is_in_the_link_as_it_was(world):
    world.record("a", 0, project_id=None)
    world.record("b", 1, project_id=None)
    path = f"/{urllib.parse.quote('é')}/instances/{INSTANCE}"
    decoded = urllib.parse.unquote(path, "latin-1")
    world.api.answers[decoded] = ("200 OK", {"instance": world.api.instance})

    (link,) = world.ask("?limit=1", path=f"{path}/faults").json["faults_links"]

    assert link["href"].startswith(f"http://localhost:80{path}/faults?")


def test_the_example_of_the_manual_is_what_is_told(world):
    (text,) = blocks(MANUAL / "history.rst", "json")
    example = json.loads(text)
    said = "Cinder says: quota of gigabytes exceeded"
    for created in (
        datetime(2026, 11, 18, 9, 12, 44),
        datetime(2026, 11, 19),
        datetime(2026, 11, 20, 20, 38, 5),
    ):
        world.record(said, created=created)
    world.record("older", created=datetime(2026, 11, 17))
    world.clear(60)

    told = world.ask("?limit=1").json

    jsonschema.validate(example, SCHEMA)
    for answer in (example, told):
        (entry,) = answer["faults"]
        row_id = entry.pop("id").partition("-")[2]
        (link,) = answer["faults_links"]
        link["href"] = link["href"].replace(row_id, "ID")
    host = "http://trove.example.org/v1.0"
    assert told["faults_links"][0]["href"] == example["faults_links"][0][
        "href"
    ].replace(host, "http://localhost:80")
    assert told["faults"] == example["faults"]


class TestEveryAnswerOfTheServiceIsClosedOnce:
    class TimeLimit(BaseException):
        """As eventlet raises it, wherever a request is."""

    @pytest.fixture
    def ask(self, world):
        """Asks for the history with a body of each of the two answers."""

        def ask(own, show):
            world.api.bodies = {FAULTS: own, SHOW: show}
            application = FaultMiddleware(world.api, world.conf)
            environ = webtest.TestRequest.blank(FAULTS, headers=MEMBER).environ
            told = application(environ, lambda *start: len)
            try:
                return b"".join(told)
            finally:
                told.close()

        return ask

    def test_where_the_history_is_told(self, world, ask):
        world.record()
        own, show = Closed(), Closed()

        told = json.loads(ask(own, show))

        assert told["faults"][0]["message"] == "No valid host"
        assert (own.count, show.count) == (1, 1)

    def test_where_closing_the_one_that_is_not_sent_fails(self, world, ask):
        world.record()
        own = Closed(RuntimeError("a transaction is open"))
        show = Closed()

        told = json.loads(ask(own, show))

        assert told["faults"][0]["message"] == "No valid host"
        assert (own.count, show.count) == (1, 1)
        assert f"errors_total[{Site.FILTER.label}]=1" in world.errors

    def test_where_a_time_limit_ends_the_request(
        self, world, ask, monkeypatch
    ):
        def time_limit(*arguments):
            raise self.TimeLimit

        monkeypatch.setattr(Store, "history", time_limit)
        own, show = Closed(), Closed()

        with pytest.raises(self.TimeLimit):
            ask(own, show)

        assert (own.count, show.count) == (1, 1)
