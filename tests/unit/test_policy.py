# SPDX-License-Identifier: Apache-2.0
import os
import time

import pytest
from keystoneauth1 import access
from keystonemiddleware.auth_token import _user_plugin as user_plugin

from fault_middleware import policy as policy_module
from fault_middleware.metrics import Metrics
from fault_middleware.policy import Policy, Sight
from tests.fixtures import INSTANCE

NOTHING, MESSAGE, ALL = Sight(False, False), Sight(True, False), Sight(True, True)


def keystone(*roles, status="Confirmed", **scope):
    """The environment that auth_token leaves behind for a valid token."""
    scope = scope or {"project": {"id": "p1", "domain": {"id": "d"}}}
    token = {
        "token": {
            "user": {"id": "u1", "name": "u", "domain": {"id": "d", "name": "d"}},
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
    return policy.sight(policy.credentials(environ), target)


def test_by_default_everybody_sees_the_message_and_an_admin_the_details(make):
    policy = make()

    assert sight(policy, keystone("member")) == MESSAGE
    assert sight(policy, keystone("admin", "member")) == ALL
    assert sight(policy, keystone("admin", system={"all": True})) == ALL


def test_a_deployer_may_let_owners_see_the_details(make):
    policy = make('"fault_middleware:show:details": "project_id:%(project_id)s"')

    assert sight(policy, keystone("member"), project_id="p1") == ALL
    assert sight(policy, keystone("member"), project_id="p2") == MESSAGE
    assert sight(policy, keystone("member")) == MESSAGE


def test_an_administrator_needs_no_owner_to_be_known(make):
    policy = make('"fault_middleware:show:details": "role:admin or project_id:%(project_id)s"')

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
        {**keystone("admin"), "keystone.token_auth": user_plugin.UserAuthPlugin(None, None)},
    ],
)
def test_for_whom_nobody_vouches_there_are_no_details(make, environ):
    assert sight(make(), environ) == MESSAGE
    assert sight(make('"fault_middleware:show:details": "@"'), environ) == MESSAGE


def test_headers_say_nothing_beside_a_token(make):
    environ = {**keystone("member"), "HTTP_X_ROLES": "admin", "HTTP_X_ROLE": "admin"}

    assert sight(make(), environ) == MESSAGE


def test_headers_are_believed_where_the_deployer_says_so(make):
    policy = make(credentials="headers")

    assert sight(policy, {"REQUEST_METHOD": "GET", "HTTP_X_ROLES": "admin"}) == ALL
    assert sight(policy, {"REQUEST_METHOD": "GET", "HTTP_X_ROLES": "member"}) == MESSAGE


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
def test_a_token_of_an_external_server_counts_where_it_is_asked_for(make, token, seen):
    environ = {"HTTP_X_IDENTITY_STATUS": "Confirmed", "external.token_info": token}

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


@pytest.mark.parametrize("rule", ["rule:of_the_service", "no:such:check", "((", "!"])
def test_a_rule_that_means_nothing_shows_no_details(make, rule):
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("admin")) == MESSAGE


@pytest.mark.parametrize("rule", ["not rule:of_the_service", "not project_id:%(project_id)s"])
def test_a_not_makes_no_yes_of_what_nobody_knows(make, rule):
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("admin")) == MESSAGE


def test_a_not_counts_where_everything_is_known(make):
    policy = make('"fault_middleware:show:details": "not project_id:%(project_id)s"')

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

    assert caplog.text.count(f"behind {voucher} in the pipeline") == 1


def errors(policy):
    """What was counted as an error."""
    return [line for line in policy._metrics.counts() if line.startswith("errors_total")]


def test_whose_faults_are_hidden_shows_no_details_either(make):
    text = '"fault_middleware:show": "!"\n"fault_middleware:show:details": "@"'

    assert sight(make(text), keystone("admin")) == NOTHING


def test_nobody_is_asked_for_a_role_as_well(make):
    assert sight(make('"fault_middleware:show": "role:admin"'), {}) == NOTHING


def test_a_rule_may_let_nobody_see_a_fault_by_its_service(make):
    policy = make('"fault_middleware:show": "\'trove\':%(service)s"')

    assert sight(policy, {}) == MESSAGE


def test_that_everybody_sees_a_fault_is_asked_of_no_scope(make):
    policy = make('"fault_middleware:show:details": "not project_id:%(project_id)s"')

    assert sight(policy, keystone("admin", domain={"id": "d", "name": "d"})) == MESSAGE
    assert errors(policy) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"keystone.token_auth": None},
        {**keystone("admin"), "keystone.token_auth": None},
        {**keystone("admin"), "keystone.token_auth": user_plugin.UserAuthPlugin(None, None)},
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
        ("project_domain_id:d2", {"project": {"id": "p1", "domain": {"id": "d2"}}}),
        ("system_scope:all", {"system": {"all": True}}),
        ("role:reader", {}),
    ],
)
def test_a_rule_may_ask_for_all_that_a_token_says(make, rule, scope):
    policy = make(f'"fault_middleware:show:details": "{rule}"')

    assert sight(policy, keystone("reader", **scope)) == ALL
    assert sight(policy, keystone("member", project={"id": "x", "domain": {"id": "x"}})) == (
        ALL if rule.startswith("user") else MESSAGE
    )


@pytest.mark.parametrize(
    "name", ["user_id", "user_domain_id", "project_id", "project_domain_id", "system_scope"]
)
def test_a_rule_may_ask_for_all_that_an_external_token_says(make, name):
    policy = make(f'"fault_middleware:show:details": "{name}:x"', credentials="external_oauth2")
    token = {"roles": "member", name: "x"}

    environ = {"HTTP_X_IDENTITY_STATUS": "Confirmed", "external.token_info": token}

    assert sight(policy, environ) == ALL
    assert sight(policy, {**environ, "external.token_info": {"roles": "x"}}) == MESSAGE
    assert sight(policy, {**environ, "HTTP_X_IDENTITY_STATUS": "Invalid"}) == MESSAGE


def test_a_token_for_a_domain_shows_no_details(make):
    external = {"roles": "admin", "domain_id": "d"}
    environ = {"HTTP_X_IDENTITY_STATUS": "Confirmed", "external.token_info": external}

    scope = {"domain": {"id": "d", "name": "d"}}
    assert not sight(make(), keystone("admin", **scope)).details
    assert not sight(make(credentials="external_oauth2"), environ).details


def test_a_token_that_cannot_be_read_makes_its_bearer_nobody(make):
    policy = make(credentials="external_oauth2")
    environ = {"HTTP_X_IDENTITY_STATUS": "Confirmed", "external.token_info": {"roles": ["admin"]}}

    assert sight(policy, environ) == MESSAGE
    assert errors(policy) == ["errors_total[credentials]=1"]


@pytest.mark.parametrize("token", [{"roles": ", ,"}, {"roles": ""}, {"roles": None}, {}])
def test_an_empty_role_is_none(make, token):
    policy = make(credentials="external_oauth2")

    environ = {"HTTP_X_IDENTITY_STATUS": "Confirmed", "external.token_info": token}

    assert policy.credentials(environ)["roles"] == []


@pytest.mark.parametrize("credentials", ["keystone", "external_oauth2", "headers"])
def test_a_filter_in_its_place_and_a_good_file_log_nothing(make, caplog, credentials):
    text = '"trove:x": "rule:of_the_service"\n"fault_middleware:show:details": "role:x"'
    policy = make(text, credentials=credentials)

    sight(policy, {"REQUEST_METHOD": "GET", "external.token_info": None, **keystone("x")})

    assert caplog.text == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "cannot be read"),
        ('"fault_middleware:show:details": ""', "everybody sees the details"),
        ('"fault_middleware:show:details": "rule:x"', "show:details refers to the rule x"),
        ('"fault_middleware:show": "rule:x"', "show refers to the rule x"),
        ('"fault_middleware:show": "not rule:x"', "refers to the rule x"),
        ('"fault_middleware:show": "@ and (role:a or rule:x)"', "refers to the rule x"),
        ('"a": "rule:b"\n"b": "rule:x"\n"fault_middleware:show": "rule:a"', "the rule x"),
    ],
)
def test_what_is_wrong_with_a_file_is_logged_at_the_start(make, text, line, caplog):
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
    credentials = policy.credentials(keystone("member"))
    make.file.write_text('"fault_middleware:show:details": "role:member"')
    later = time.time() + 10
    os.utime(make.file, (later, later))

    assert policy.sight(credentials, target) == MESSAGE
    assert sight(policy, keystone("member")) == ALL


def test_rules_that_refer_to_each_other_are_examined_once_each(make, caplog):
    make('"a": "rule:b"\n"b": "rule:a"\n"fault_middleware:show:details": "rule:a"')

    assert "RecursionError" not in caplog.text


def test_a_rule_that_cannot_be_asked_is_an_error_with_the_instance(make, caplog):
    policy = make('"fault_middleware:show:details": "http://127.0.0.1:1/"')

    assert sight(policy, keystone("admin")) == MESSAGE

    assert errors(policy) == ["errors_total[policy]=1"]
    assert INSTANCE in caplog.text


def test_faults_that_are_for_some_are_for_nobody_while_a_rule_cannot_be_asked(make):
    server = '"fault_middleware:show:details": "http://127.0.0.1:1/"'
    policy = make(f'"fault_middleware:show": "role:admin"\n{server}')

    assert sight(policy, keystone("admin")) == NOTHING


def test_the_rules_for_the_sample_and_the_manual():
    assert [
        (rule.name, rule.check_str, rule.scope_types, [one["method"] for one in rule.operations])
        for rule in policy_module.list_rules()
    ] == [
        ("fault_middleware:show", "@", ["project", "system"], ["GET"]),
        ("fault_middleware:show:details", "role:admin", ["project", "system"], ["GET"]),
    ]


def test_a_file_that_breaks_hides_details_until_it_is_mended(make, tmp_path):
    policy = make('"fault_middleware:show:details": "@"')
    assert sight(policy, keystone("member")) == ALL
    file = make.file

    for text in ("broken: [", "broken: {"):
        file.write_text(text)
        os.utime(file, (time.time() + len(text), time.time() + len(text)))
        assert [sight(policy, keystone("member")) for _ in range(3)] == [MESSAGE] * 3

    file.write_text('"fault_middleware:show:details": "role:admin"')
    os.utime(file, (time.time() + 60, time.time() + 60))
    assert sight(policy, keystone("member")) == MESSAGE
    assert sight(policy, keystone("admin")) == ALL


def test_a_file_that_is_not_there_is_said_to_be_missing(configure, caplog):
    Policy(configure(), "/no/such/policy.yaml", "keystone", Metrics())

    assert "policy_file = /no/such/policy.yaml is not there: defaults hold" in caplog.text
