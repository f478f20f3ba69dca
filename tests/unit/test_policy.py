# SPDX-License-Identifier: Apache-2.0
import pytest
from keystoneauth1 import access
from keystonemiddleware.auth_token import _user_plugin as user_plugin

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


def test_a_filter_that_is_not_behind_authtoken_is_an_error_in_the_log_once(make, caplog):
    policy = make()

    for _ in range(3):
        sight(policy, {"REQUEST_METHOD": "GET"})

    assert caplog.text.count("keystonemiddleware.auth_token") == 1
