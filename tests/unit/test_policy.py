# SPDX-License-Identifier: Apache-2.0
import http.server
import os
import socketserver
import threading
import time

import pytest
from keystoneauth1 import access
from keystonemiddleware.auth_token import _user_plugin as user_plugin
from oslo_policy.policy import Enforcer

from fault_middleware import policy as policy_module
from fault_middleware import rules as rules_module
from fault_middleware.metrics import Metrics
from fault_middleware.policy import Policy, Visibility
from tests.fixtures import INSTANCE

NOTHING, MESSAGE, ALL = (
    Visibility(False, False),
    Visibility(True, False),
    Visibility(True, True),
)


def keystone(*roles, status="Confirmed", **scope):
    """The environment that auth_token leaves behind for a valid token."""
    scope = scope or {"project": {"id": "p1", "domain": {"id": "d"}}}
    token = {
        "token": {
            "user": {
                "id": "u1",
                "name": "u",
                "domain": {"id": "d", "name": "d"},
            },
            "roles": [{"id": role, "name": role} for role in roles],
            "expires_at": "2999-01-01T00:00:00.000000Z",
            **scope,
        }
    }
    user = access.create(body=token)
    return {
        "HTTP_X_IDENTITY_STATUS": status,
        "keystone.token_info": token,
        "keystone.token_auth": user_plugin.UserAuthPlugin(user, None),
    }


@pytest.fixture
def make(configure, tmp_path):
    """Makes a policy of the text of its file."""

    def make(text=None, credentials="keystone"):
        file = tmp_path / "policy.yaml"
        if text is not None:
            file.write_text(text)
        return Policy(configure(), str(file), credentials, Metrics())

    make.file = tmp_path / "policy.yaml"
    return make


def sight(policy, environ, **target):
    target = {"instance_id": INSTANCE, "service": "trove", **target}
    return policy.viewer(environ).sees(target)


@pytest.mark.parametrize("text", [None, ""], ids=["no file", "an empty file"])
def test_by_default_everybody_sees_the_message_and_an_admin_the_details(
    make, text
):
    policy = make(text)

    assert sight(policy, keystone("member")) == MESSAGE
    assert sight(policy, keystone("admin", "member")) == ALL
    assert sight(policy, keystone("admin", system={"all": True})) == ALL


def test_a_deployer_may_let_owners_see_the_details(make):
    policy = make(
        '"fault_middleware:show:details": "project_id:%(project_id)s"'
    )

    assert sight(policy, keystone("member"), project_id="p1") == ALL
    assert sight(policy, keystone("member"), project_id="p2") == MESSAGE
    assert sight(policy, keystone("member")) == MESSAGE


def test_an_administrator_needs_no_owner_to_be_known(make):
    policy = make(
        '"fault_middleware:show:details": "role:admin or project_id:%(project_id)s"'
    )

    assert sight(policy, keystone("admin")) == ALL


def test_a_deployer_may_hide_faults_altogether(make):
    policy = make('"fault_middleware:show": "role:admin"')

    assert sight(policy, keystone("member")) == NOTHING
    assert sight(policy, keystone("admin")) == ALL


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_X_ROLES": "admin", "HTTP_X_IDENTITY_STATUS": "Confirmed"},
        {**keystone("admin"), "HTTP_X_IDENTITY_STATUS": "Invalid"},
        {**keystone("admin"), "keystone.token_info": None},
        {**keystone("admin"), "keystone.token_auth": None},
        {
            **keystone("admin"),
            "keystone.token_auth": user_plugin.UserAuthPlugin(None, None),
        },
    ],
)
def test_for_whom_nobody_vouches_there_are_no_details(make, environ):
    assert sight(make(), environ) == MESSAGE
    assert (
        sight(make('"fault_middleware:show:details": "@"'), environ) == MESSAGE
    )


def test_headers_say_nothing_beside_a_token(make):
    environ = {
        **keystone("member"),
        "HTTP_X_ROLES": "admin",
        "HTTP_X_ROLE": "admin",
    }

    assert sight(make(), environ) == MESSAGE


def test_headers_are_believed_where_the_deployer_says_so(make):
    policy = make(credentials="headers")

    assert (
        sight(policy, {"REQUEST_METHOD": "GET", "HTTP_X_ROLES": "admin"})
        == ALL
    )
    assert (
        sight(policy, {"REQUEST_METHOD": "GET", "HTTP_X_ROLES": "member"})
        == MESSAGE
    )


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        ({"roles": "member, admin", "project_id": "p1"}, ALL),
        ({"roles": "member"}, MESSAGE),
        ({"roles": None}, MESSAGE),
        ({}, MESSAGE),
        (None, MESSAGE),
    ],
)
def test_a_token_of_an_external_server_counts_where_it_is_asked_for(
    make, token, seen
):
    environ = {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "external.token_info": token,
    }

    assert sight(make(credentials="external_oauth2"), environ) == seen
    assert sight(make(), environ) == MESSAGE


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "- a list",
        '"fault_middleware:show:details": 5',
        '"fault_middleware:show:details": "rule:fault_middleware:show:details"',
    ],
)
def test_a_policy_that_cannot_be_read_shows_no_details(make, text):
    assert sight(make(text), keystone("admin")) == MESSAGE


@pytest.mark.parametrize(
    "rule", ["rule:of_the_service", "no:such:check", "((", "!"]
)
def test_a_rule_that_means_nothing_shows_no_details(make, rule):
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("admin")) == MESSAGE


def test_a_kind_of_check_that_does_not_exist_leaves_the_rest_of_a_rule_alone(
    make,
):
    rule = "not 1x:y or role:admin"
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("admin")) == ALL
    assert sight(policy, keystone("member")) == MESSAGE


UNKNOWN = [
    "rule:of_the_service",
    "project_id:%(project_id)s",
    "role:%(project_id)s",
    "is_admin:True",
    "nope:x",
    "field:networks:shared=True",
    "user_id.name:x",
    "rule:not_the_services",
]


@pytest.mark.parametrize("unknown", UNKNOWN)
@pytest.mark.parametrize(
    "rule",
    [
        "not {}",
        "not ({} and @)",
        "not ({} or !)",
        "not (@ and (! or {}))",
        "not not not {}",
        "@ and not {}",
    ],
)
@pytest.mark.parametrize("name", ["show", "show:details"])
def test_a_not_makes_no_yes_of_what_nobody_knows(make, unknown, rule, name):
    policy = make(
        f'"fault_middleware:{name}": "{rule.format(unknown)}"\n'
        '"not_the_services": "is_admin:True and rule:of_the_service"'
    )

    expected = NOTHING if name == "show" else MESSAGE
    assert sight(policy, keystone("admin")) == expected


@pytest.mark.parametrize("unknown", UNKNOWN)
@pytest.mark.parametrize(
    "rule",
    [
        "not ({} and !)",
        "not ({} and role:nobody)",
        "not (rule:never and {})",
        "not not (@ or {})",
        "not not not ({} and rule:never)",
        "role:admin or not {}",
        "not {} or role:admin",
    ],
)
def test_what_is_known_counts_beside_what_is_not(make, unknown, rule):
    policy = make(
        f'"fault_middleware:show:details": "{rule.format(unknown)}"\n"never": "role:nobody"\n'
        '"not_the_services": "is_admin:True"'
    )

    assert sight(policy, keystone("admin")) == ALL


@pytest.mark.parametrize(
    "rule",
    [
        "not role:member",
        "not user_id:u2",
        "not project_id:p2",
        "not system_scope:all",
        "not True:False",
        "not 'x':%(service)s",
        "not role:%(service)s",
        "not !",
        "not (@ and role:member)",
    ],
)
def test_a_not_says_yes_to_what_is_known_to_be_otherwise(make, rule):
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("reader")) == ALL


def test_headers_that_were_not_sent_say_nothing(make):
    policy = make(
        '"fault_middleware:show:details": "not user_id:u2"',
        credentials="headers",
    )

    assert sight(policy, {"REQUEST_METHOD": "GET"}) == MESSAGE
    assert (
        sight(policy, {"REQUEST_METHOD": "GET", "HTTP_X_USER_ID": "u1"}) == ALL
    )
    assert (
        sight(policy, {"REQUEST_METHOD": "GET", "HTTP_X_USER_ID": "u2"})
        == MESSAGE
    )


def test_a_not_counts_where_everything_is_known(make):
    policy = make(
        '"fault_middleware:show:details": "not project_id:%(project_id)s"'
    )

    assert sight(policy, keystone("admin"), project_id="another") == ALL


def test_a_not_may_ask_for_all_that_is_known(make):
    rule = "not (user_id:%(instance_id)s or user_id:%(service)s)"
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("member")) == ALL


@pytest.mark.parametrize(
    ("credentials", "voucher"),
    [
        ("keystone", "keystonemiddleware.auth_token"),
        ("external_oauth2", "keystonemiddleware.external_oauth2_token"),
    ],
)
def test_a_filter_that_nobody_stands_before_is_an_error_in_the_log_once(
    make, caplog, credentials, voucher
):
    policy = make(credentials=credentials)

    for _ in range(3):
        sight(policy, {"REQUEST_METHOD": "GET"})

    assert caplog.text.count(f"after {voucher} in the pipeline") == 1


def errors(policy):
    """What was counted as an error."""
    return [
        line
        for line in policy._metrics.counts()
        if line.startswith("errors_total")
    ]


def test_whose_faults_are_hidden_shows_no_details_either(make):
    text = '"fault_middleware:show": "!"\n"fault_middleware:show:details": "@"'

    assert sight(make(text), keystone("admin")) == NOTHING


def test_nobody_is_asked_for_a_role_as_well(make):
    assert sight(make('"fault_middleware:show": "role:admin"'), {}) == NOTHING


def test_a_rule_may_let_nobody_see_a_fault_by_its_service(make):
    policy = make('"fault_middleware:show": "\'trove\':%(service)s"')

    assert sight(policy, {}) == MESSAGE


def test_that_everybody_sees_a_fault_is_asked_of_no_scope(make):
    policy = make(
        '"fault_middleware:show:details": "not project_id:%(project_id)s"'
    )

    assert (
        sight(policy, keystone("admin", domain={"id": "d", "name": "d"}))
        == MESSAGE
    )
    assert errors(policy) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"keystone.token_auth": None},
        {**keystone("admin"), "keystone.token_auth": None},
        {
            **keystone("admin"),
            "keystone.token_auth": user_plugin.UserAuthPlugin(None, None),
        },
        keystone("admin"),
    ],
)
def test_that_nobody_vouches_is_no_error(make, environ):
    policy = make()

    sight(policy, environ)

    assert errors(policy) == []


@pytest.mark.parametrize(
    ("rule", "scope"),
    [
        ("user_id:u1", {}),
        ("user_domain_id:d", {}),
        ("project_id:p1", {}),
        (
            "project_domain_id:d2",
            {"project": {"id": "p1", "domain": {"id": "d2"}}},
        ),
        ("system_scope:all", {"system": {"all": True}}),
        ("role:reader", {}),
    ],
)
def test_a_rule_may_ask_for_all_that_a_token_says(make, rule, scope):
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("reader", **scope)) == ALL
    assert sight(
        policy, keystone("member", project={"id": "x", "domain": {"id": "x"}})
    ) == (ALL if rule.startswith("user") else MESSAGE)


@pytest.mark.parametrize(
    "name",
    [
        "user_id",
        "user_domain_id",
        "project_id",
        "project_domain_id",
        "system_scope",
    ],
)
def test_a_rule_may_ask_for_all_that_an_external_token_says(make, name):
    policy = make(
        f'"fault_middleware:show:details": "{name}:x"',
        credentials="external_oauth2",
    )
    token = {"roles": "member", name: "x"}

    environ = {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "external.token_info": token,
    }

    assert sight(policy, environ) == ALL
    assert (
        sight(policy, {**environ, "external.token_info": {"roles": "x"}})
        == MESSAGE
    )
    assert (
        sight(policy, {**environ, "HTTP_X_IDENTITY_STATUS": "Invalid"})
        == MESSAGE
    )


def test_a_token_for_a_domain_shows_no_details(make):
    external = {"roles": "admin", "domain_id": "d"}
    environ = {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "external.token_info": external,
    }

    scope = {"domain": {"id": "d", "name": "d"}}
    assert not sight(make(), keystone("admin", **scope)).details
    assert not sight(make(credentials="external_oauth2"), environ).details


def test_a_token_that_cannot_be_read_makes_its_bearer_nobody(make):
    policy = make(credentials="external_oauth2")
    environ = {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "external.token_info": {"roles": ["admin"]},
    }

    assert sight(policy, environ) == MESSAGE
    assert errors(policy) == ["errors_total[credentials]=1"]


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        ({"roles": ", ,"}, ALL),
        ({"roles": ""}, ALL),
        ({"roles": "admin, x"}, MESSAGE),
        ({"roles": None}, MESSAGE),
        ({}, MESSAGE),
    ],
)
def test_a_token_without_roles_is_another_thing_than_one_that_says_nothing_of_them(
    make, token, seen
):
    policy = make(
        '"fault_middleware:show:details": "not role:admin"',
        credentials="external_oauth2",
    )

    environ = {
        "HTTP_X_IDENTITY_STATUS": "Confirmed",
        "external.token_info": token,
    }

    assert sight(policy, environ) == seen


@pytest.mark.parametrize(
    "credentials", ["keystone", "external_oauth2", "headers"]
)
def test_a_filter_in_its_place_and_a_good_file_log_nothing(
    make, caplog, credentials
):
    text = '"trove:x": "rule:of_the_service"\n"fault_middleware:show:details": "role:x"'
    policy = make(text, credentials=credentials)

    sight(
        policy,
        {
            "REQUEST_METHOD": "GET",
            "external.token_info": None,
            **keystone("x"),
        },
    )

    assert caplog.text == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "cannot be read"),
        ('"fault_middleware:show:details": ""', "everybody sees the details"),
        (
            '"fault_middleware:show:details": "rule:x"',
            "show:details refers to the rule x",
        ),
        ('"fault_middleware:show": "rule:x"', "show refers to the rule x"),
        ('"fault_middleware:show:details": []', "details, or a rule that"),
        (
            '"fault_middleware:show:details": "role:admin or not locked"',
            "is not written as oslo.policy wants it",
        ),
        ('"fault_middleware:show": "not rule:x"', "refers to the rule x"),
        (
            '"fault_middleware:show": "@ and (role:a or rule:x)"',
            "refers to the rule x",
        ),
        (
            '"a": "rule:b"\n"b": "rule:x"\n"fault_middleware:show": "rule:a"',
            "the rule x",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_logged_at_the_start(
    make, text, line, caplog
):
    make(text)

    assert line in caplog.text


def test_what_is_wrong_with_a_file_that_changes_is_logged_once(make, caplog):
    policy = make('"fault_middleware:show:details": "role:admin"')
    make.file.write_text('"fault_middleware:show:details": "@"')
    later = time.time() + 10
    os.utime(make.file, (later, later))

    for _ in range(3):
        assert sight(policy, keystone("member")) == ALL

    assert caplog.text.count("everybody sees the details") == 1


def test_a_file_that_changes_counts_from_the_next_request_on(make):
    policy = make('"fault_middleware:show:details": "role:admin"')
    target = {"instance_id": INSTANCE, "service": "trove"}
    before = policy.viewer(keystone("member"))
    make.file.write_text('"fault_middleware:show:details": "role:member"')
    later = time.time() + 10
    os.utime(make.file, (later, later))

    assert before.sees(target) == MESSAGE
    assert sight(policy, keystone("member")) == ALL


def test_rules_that_refer_to_each_other_are_examined_once_each(make, caplog):
    make(
        '"a": "rule:b"\n"b": "rule:a"\n"fault_middleware:show:details": "rule:a"'
    )

    assert "RecursionError" not in caplog.text


def test_a_rule_that_cannot_be_asked_is_an_error_with_the_instance(
    make, caplog
):
    policy = make('"fault_middleware:show:details": "http://127.0.0.1:1/"')

    assert sight(policy, keystone("admin")) == MESSAGE

    assert errors(policy) == ["errors_total[policy]=1"]
    assert INSTANCE in caplog.text


def test_faults_that_are_for_some_are_for_nobody_while_a_rule_cannot_be_asked(
    make,
):
    server = '"fault_middleware:show:details": "http://127.0.0.1:1/"'
    policy = make(f'"fault_middleware:show": "role:admin"\n{server}')

    assert sight(policy, keystone("admin")) == NOTHING


def test_the_rules_for_the_sample_and_the_manual():
    assert [
        (
            rule.name,
            rule.check_str,
            rule.scope_types,
            [one["method"] for one in rule.operations],
        )
        for rule in rules_module.list_rules()
    ] == [
        ("fault_middleware:show", "@", ["project", "system"], ["GET"]),
        (
            "fault_middleware:show:details",
            "role:admin",
            ["project", "system"],
            ["GET"],
        ),
        (
            "fault_middleware:show:former",
            "role:admin",
            ["project", "system"],
            ["GET"],
        ),
        (
            "fault_middleware:history",
            "rule:fault_middleware:show",
            ["project", "system"],
            ["GET"],
        ),
    ]


def test_a_file_that_breaks_hides_details_until_it_is_mended(make, tmp_path):
    policy = make('"fault_middleware:show:details": "@"')
    assert sight(policy, keystone("member")) == ALL
    file = make.file

    for text in ("broken: [", "broken: {"):
        file.write_text(text)
        os.utime(file, (time.time() + len(text), time.time() + len(text)))
        assert [sight(policy, keystone("member")) for _ in range(3)] == [
            MESSAGE
        ] * 3
    assert errors(policy) == ["errors_total[policy]=6"]

    file.write_text('"fault_middleware:show:details": "role:admin"')
    os.utime(file, (time.time() + 60, time.time() + 60))
    assert sight(policy, keystone("member")) == MESSAGE
    assert sight(policy, keystone("admin")) == ALL


@pytest.fixture
def reads(monkeypatch):
    """How often the files were read."""
    count = []
    original = policy_module.Rules

    def counted(*arguments):
        count.append(1)
        return original(*arguments)

    monkeypatch.setattr(policy_module, "Rules", counted)
    return count


@pytest.mark.parametrize("text", ['"fault_middleware:show": "@"', "broken: ["])
def test_files_that_did_not_change_are_not_read_again(make, reads, text):
    policy = make(text)

    for _ in range(5):
        sight(policy, keystone("member"))

    assert len(reads) == 1


def test_a_file_that_was_not_there_is_found(make, monkeypatch):
    policy = make()
    assert sight(policy, keystone("member")) == MESSAGE

    make.file.write_text('"fault_middleware:show:details": "role:member"')
    monkeypatch.setattr(policy_module, "_SEARCH_AFTER", -1)

    assert sight(policy, keystone("member")) == ALL


def test_files_that_could_not_be_read_are_tried_again_after_a_while(
    make, reads, monkeypatch
):
    policy = make("broken: [")
    monkeypatch.setattr(policy_module, "_RETRY_AFTER", -1)

    for _ in range(5):
        assert sight(policy, keystone("admin")) == MESSAGE

    assert len(reads) == 6


def test_files_that_could_be_read_are_not_read_again_after_a_while(
    make, reads, monkeypatch
):
    policy = make('"fault_middleware:show": "@"')
    monkeypatch.setattr(policy_module, "_RETRY_AFTER", -1)

    for _ in range(5):
        assert sight(policy, keystone("admin")) == ALL

    assert len(reads) == 1


def test_without_a_policy_file_of_its_own_no_file_is_missed(configure, caplog):
    policy = Policy(configure(), None, "keystone", Metrics())

    assert sight(policy, keystone("admin")) == ALL
    assert "does not exist" not in caplog.text


def test_files_are_not_searched_for_in_every_request(configure, monkeypatch):
    monkeypatch.setattr(policy_module, "_SEARCH_AFTER", 60)
    conf = configure()
    policy = Policy(conf, None, "keystone", Metrics())
    searched = []
    monkeypatch.setattr(conf, "find_file", searched.append)

    for _ in range(5):
        assert sight(policy, keystone("admin")) == ALL

    assert searched == []


@pytest.fixture
def folder(configure, tmp_path):
    """A policy whose folder is stricter than its file."""
    (tmp_path / "policy.yaml").write_text(
        '"fault_middleware:show:details": "@"'
    )
    (tmp_path / "policy.d").mkdir()
    (tmp_path / "policy.d/a.yaml").write_text(
        '"fault_middleware:show:details": "role:admin"'
    )
    conf = configure(f"[oslo_policy]\npolicy_dirs = {tmp_path}/policy.d\n")
    return Policy(conf, str(tmp_path / "policy.yaml"), "keystone", Metrics())


def test_files_of_a_folder_count(folder, tmp_path):
    assert sight(folder, keystone("member")) == MESSAGE

    (tmp_path / "policy.d/b.yaml").write_text(
        '"fault_middleware:show:details": "role:member"'
    )
    assert sight(folder, keystone("member")) == ALL

    (tmp_path / "policy.d/b.yaml").unlink()
    assert sight(folder, keystone("member")) == MESSAGE


def test_a_file_of_a_folder_that_changes_counts(folder, tmp_path):
    assert sight(folder, keystone("member")) == MESSAGE

    # In place, so that nothing of the folder itself changes.
    with (tmp_path / "policy.d/a.yaml").open("w") as file:
        file.write('"fault_middleware:show:details": "role:member"')

    assert sight(folder, keystone("member")) == ALL


def test_who_asks_while_files_are_read_meets_no_half_of_them(
    folder, tmp_path, monkeypatch
):
    """oslo.policy reads the file, then the folder; in between, others ask."""
    original = Enforcer._walk_through_policy_directory
    seen = []

    def ask_others_first(*arguments):
        with monkeypatch.context() as patched:
            patched.setattr(
                Enforcer, "_walk_through_policy_directory", original
            )
            seen.append(sight(folder, keystone("member")))
        original(*arguments)

    monkeypatch.setattr(
        Enforcer,
        "_walk_through_policy_directory",
        staticmethod(ask_others_first),
    )
    later = time.time() + 10
    os.utime(tmp_path / "policy.yaml", (later, later))

    assert sight(folder, keystone("member")) == MESSAGE
    assert seen == [MESSAGE]


def test_a_folder_that_is_a_file_is_a_policy_that_cannot_be_read(
    configure, tmp_path
):
    (tmp_path / "file").write_text("")
    conf = configure(f"[oslo_policy]\npolicy_dirs = {tmp_path}/file\n")

    assert (
        sight(Policy(conf, None, "keystone", Metrics()), keystone("admin"))
        == MESSAGE
    )


def test_a_folder_that_cannot_be_looked_into_is_no_error_of_a_request(
    folder, tmp_path, monkeypatch
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", refuse)
        patched.setattr(os, "walk", lambda path: iter(()))
        seen = sight(folder, keystone("member"))
    assert seen == MESSAGE

    assert sight(folder, keystone("admin")) == ALL


class Judge(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A server that rules ask: it says yes for one instance, and nothing at all while ``mute``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked = []
        self.mute = False
        self.status = 200
        self.done = threading.Event()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(body)
        if self.server.mute:
            self.server.done.wait()
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"True" if INSTANCE in body else b"False")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def judge():
    with Judge() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.done.set()
        server.shutdown()
        thread.join()


def ask_judge(make, judge, name="show:details"):
    return make(
        f'"fault_middleware:{name}": "http://127.0.0.1:{judge.server_port}/"'
    )


def test_a_rule_may_ask_a_server(make, judge):
    viewer = ask_judge(make, judge).viewer(keystone("member"))

    seen = [
        viewer.sees({"instance_id": name})
        for name in (INSTANCE, "other", INSTANCE)
    ]

    assert seen == [ALL, MESSAGE, ALL]
    assert len(judge.asked) == 2


@pytest.mark.parametrize("rule", ["not {}", "not ({} or role:admin)"])
@pytest.mark.parametrize("status", [200, 500])
def test_a_not_makes_no_yes_of_what_a_server_says(make, judge, rule, status):
    """oslo.policy takes an error of the server for the same no."""
    judge.status = status
    server = f"http://127.0.0.1:{judge.server_port}/"
    policy = make(f'"fault_middleware:show:details": "{rule.format(server)}"')

    viewer = policy.viewer(keystone("member"))

    assert viewer.sees({"instance_id": "other"}) == MESSAGE


@pytest.mark.parametrize(
    ("name", "seen"), [("show", NOTHING), ("show:details", MESSAGE)]
)
def test_a_server_that_does_not_answer_holds_up_no_list(
    make, judge, monkeypatch, name, seen
):
    monkeypatch.setattr(policy_module, "MOST_SECONDS", 0.5)
    judge.mute = True
    policy = ask_judge(make, judge, name)
    viewer = policy.viewer(keystone("admin"))

    assert [viewer.sees({"instance_id": f"i{n}"}) for n in range(1000)] == [
        seen
    ] * 1000

    assert len(judge.asked) == 1
    assert errors(policy) == ["errors_total[policy]=1000"]


def test_when_no_time_is_left_no_rule_is_asked(make, monkeypatch):
    monkeypatch.setattr(policy_module, "MOST_SECONDS", 0)
    policy = make('"fault_middleware:show:details": "@"')

    assert sight(policy, keystone("admin")) == MESSAGE
    assert errors(policy) == ["errors_total[policy]=1"]


@pytest.mark.parametrize(
    ("rule", "questions"),
    [
        ("role:admin", 1),
        ("project_id:%(project_id)s", 2),
        ("rule:mine", 2),
        ("user_id:%(instance_id)s", 4),
    ],
)
def test_in_a_request_each_question_is_asked_once(
    make, monkeypatch, rule, questions
):
    policy = make(
        f'"fault_middleware:show:details": "{rule}"\n"mine": "not u:%(project_id)s"'
    )
    asked = []
    original = Enforcer.authorize
    monkeypatch.setattr(
        Enforcer,
        "authorize",
        lambda *given: asked.append(given) or original(*given),
    )
    viewer = policy.viewer(keystone("member"))

    for number in range(4):
        viewer.sees(
            {"instance_id": f"i{number}", "project_id": f"p{number % 2}"}
        )

    assert len(asked) == questions


def test_without_a_file_of_its_own_the_services_counts(
    configure, tmp_path, caplog
):
    file = tmp_path / "service.yaml"
    file.write_text('"fault_middleware:show:details": "role:member"')
    conf = configure(f"[oslo_policy]\npolicy_file = {file}\n")

    policy = Policy(conf, None, "keystone", Metrics())

    assert policy.file == str(file)
    assert sight(policy, keystone("member")) == ALL
    assert "is not there" not in caplog.text


def test_a_file_of_its_own_goes_before_the_services(make):
    assert make("{}").file == str(make.file)


def test_a_file_that_is_not_there_is_said_to_be_missing(configure, caplog):
    Policy(configure(), "/no/such/policy.yaml", "keystone", Metrics())

    assert (
        "policy_file = /no/such/policy.yaml does not exist: the defaults apply"
        in caplog.text
    )


@pytest.mark.parametrize(
    "rule",
    [
        "false",
        "no",
        "[]",
        "{}",
        '"not suspended"',
        '"role:nobody or not (is_locked)"',
        '"not rule"',
        '"not project_id=%(project_id)s"',
        '"not project_id:%(target.project_id)s"',
        '"not project_id:%(a-b)s"',
        '"not (role:admin and"',
    ],
)
def test_what_is_not_a_rule_is_not_a_yes(make, rule):
    policy = make(f'"fault_middleware:show:details": {rule}')

    assert sight(policy, keystone("member")) == MESSAGE


def test_what_is_a_rule_counts_beside_what_is_not(make):
    policy = make(
        '"fault_middleware:show:details": "role:admin or not is_locked"'
    )

    assert sight(policy, keystone("admin")) == ALL
