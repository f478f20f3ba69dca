# SPDX-License-Identifier: Apache-2.0
"""The doctor finds what was planted, names its remedy, and finds nothing else."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys

import pytest

from fault_middleware import doctor, package_data
from fault_middleware.options import register_opts
from tests.documents import MANUAL, README, ROOT, blocks
from tests.findings import ON_SERVERS
from tests.fixtures import close, make_store, parse

WORDS = package_data.load("doctor.yaml")
OPTIONS = ("--paste", "--uwsgi", "--readers")
CONF = """\
[DEFAULT]
transport_url = kombu+memory:////
control_exchange = trove

[fault_middleware]
policy_file = {folder}/policy.yaml

[oslo_messaging_notifications]
driver = messagingv2
topics = notifications,fault_middleware

[fault_middleware_database]
connection = sqlite:///{folder}/faults.sqlite
"""
# What stands in Trove's own file beside the advice of the README.
PASTE = """
[composite:trove]
use = call:trove.common.wsgi:versioned_urlmap
/: versions
/v1.0: troveapi

[app:versions]
paste.app_factory = trove.versions:app_factory

[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory

[filter:extensions]
paste.filter_factory = trove.common.extensions:factory

[app:troveapi.2]
paste.app_factory = nobody:app_factory

[app:troveapp]
paste.app_factory = trove.common.api:app_factory
"""
UWSGI = "[uwsgi]\nmaster = true\nenable-threads = true\nenv = NO_EVENTLET_MONKEYPATCH=1\n"
DETAILS = '"fault_middleware:show:details": "role:admin"\n'


class Deployment:
    """The files of a deployment as the README has it, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.conf = folder / "trove.conf"
        self.database = folder / "faults.sqlite"
        _, paste, _ = blocks(README, "ini")
        self.write("trove.conf", CONF.format(folder=folder))
        self.write("api-paste.ini", paste + PASTE)
        self.write("uwsgi.ini", UWSGI)
        self.write("policy.yaml", DETAILS)
        close(make_store(f"sqlite:///{self.database}"))

    def write(self, name, text):
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o600)

    def change(self, name, old, new):
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new.format(folder=self.folder)))

    def execute(self, statement):
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement)
        connection.close()

    @property
    def given(self):
        return {"paste": f"{self.folder}/api-paste.ini", "uwsgi": f"{self.folder}/uwsgi.ini"}

    def examine(self, **given):
        """All that the doctor says."""
        conf = parse(self.conf)
        register_opts(conf)
        return list(doctor.examine(conf, self.given | given))

    def troubles(self, **given):
        """What is not well: the remedies by their codes."""
        return {
            code: f"{what} {remedy}"
            for severity, code, what, remedy in self.examine(**given)
            if severity != "ok"
        }


@pytest.fixture
def deployment(tmp_path):
    return Deployment(tmp_path)


def test_a_right_deployment_is_well(deployment):
    severities, codes, whats, _ = zip(*deployment.examine(), strict=True)

    assert set(severities) == {"ok"}
    assert set(codes) == {
        *("configuration-well", "database-well", "policy-meaning", "broker-unchecked"),
        *("paste-well", "uwsgi-well"),
    }
    assert (
        "By the policy a member of the instance's project sees created and message; an admin "
        "sees created, message and details."
    ) in whats


CONNECTION = "connection = sqlite:///{folder}/faults.sqlite"
PIPELINE = "authtoken authorization contextwrapper ratelimit fault extensions troveapp"
PLANTS = [
    ("paste-unreadable", "--paste", "api-paste.ini", "[pipeline:troveapi]", "no section"),
    (
        "paste-configuration",
        "oslo_config_file",
        "api-paste.ini",
        "oslo_config_project = trove",
        "oslo_config_file = /no/such/trove.conf",
    ),
    # code, a word of the remedy, the file, what to exchange in it, for what
    ("configuration-wrong", "Correct", "api-paste.ini", "profiles =", "profils ="),
    ("configuration-wrong", "profiles", "api-paste.ini", "= trove\n", "= nothing\n"),
    ("configuration-wrong", "shop.yaml", "api-paste.ini", "= trove\n", "= {folder}/shop.yaml\n"),
    (
        "option-unknown",
        "spelling",
        "trove.conf",
        "policy_file",
        "consumre = external\npolicy_file",
    ),
    (
        "credentials-headers",
        "keystone",
        "trove.conf",
        "policy_file",
        "credentials=headers\npolicy_file",
    ),
    ("file-readable", "chmod", "trove.conf", "kombu+memory:////", "kombu+memory://u:s3cret@h/"),
    (
        "database-wrong",
        "pip install",
        "trove.conf",
        "sqlite:///{folder}/faults.sqlite",
        "sqlite://",
    ),
    (
        "database-wrong",
        "pip install",
        "trove.conf",
        "sqlite:///{folder}/faults.sqlite",
        "oracle://h/x",
    ),
    ("database-wrong", "Set connection", "trove.conf", CONNECTION, ""),
    ("database-unreachable", "server runs", "trove.conf", "/faults.sqlite", ""),
    ("table-missing", "db sync", "trove.conf", "/faults.sqlite", "/others.sqlite"),
    ("policy-missing", "policy_file", "trove.conf", "policy.yaml", "polizy.yaml"),
    ("policy-unreadable", "YAML", "policy.yaml", DETAILS, "{{"),
    ("policy-unreadable", "YAML", "policy.yaml", DETAILS, "- role:admin"),
    ("policy-misspelt", "fault_middleware:show:details", "policy.yaml", "details", "detail"),
    ("policy-broken", "role:admin", "policy.yaml", "role:admin", "role:admin or owner"),
    ("policy-broken", "role:admin", "policy.yaml", "role:admin", "role:admin or (role:x"),
    ("policy-undefined", "refers to", "policy.yaml", "role:admin", "rule:context_is_admin"),
    ("policy-open", "project_id", "policy.yaml", "role:admin", ""),
    ("policy-open", "project_id", "policy.yaml", "role:admin", "role:member"),
    ("publisher-silent", "messagingv2", "trove.conf", "driver = messagingv2\n", ""),
    ("publisher-silent", "messagingv2", "trove.conf", "messagingv2", "noop"),
    ("publisher-topic", "notifications,fault_middleware", "trove.conf", ",fault_middleware", ""),
    ("publisher-retry", "retry = -1", "trove.conf", "driver", "retry = 3\ndriver"),
    (
        "publisher-exchange",
        "exchanges",
        "trove.conf",
        "policy_file",
        "exchanges=nova\npolicy_file",
    ),
    ("topic-shared", "pool", "trove.conf", "policy_file", "topics=notifications\npolicy_file"),
    ("broker-memory", "rabbit://", "trove.conf", "kombu+memory:////", "fake://"),
    ("check-failed", "names", "trove.conf", "kombu+memory:////", "carrier-pigeon://"),
    ("filter-missing", "egg:fault_middleware", "api-paste.ini", "egg:fault_", "egg:other_"),
    ("filter-unused", "pipeline", "api-paste.ini", "ratelimit fault ", "ratelimit "),
    (
        *("filter-before-authtoken", "behind authtoken", "api-paste.ini", PIPELINE),
        "fault authtoken authorization contextwrapper ratelimit extensions troveapp",
    ),
    (
        *("filter-without-authtoken", "keystonemiddleware", "api-paste.ini", PIPELINE),
        "authorization fault extensions troveapp",
    ),
    (
        "filter-outside-urlmap",
        "urlmap leads to",
        "api-paste.ini",
        "fault extensions troveapp",
        "fault trove",
    ),
    (
        *("filter-bypassed", "before extensions", "api-paste.ini"),
        *("fault extensions troveapp", "extensions fault troveapp"),
    ),
    ("profile-other", "profiles = trove", "api-paste.ini", "= trove\n", "= nova\n"),
    ("profile-other", "profiles = tacker", "api-paste.ini", "trove.common.api:", "tacker.api:"),
    ("uwsgi-threads", "enable-threads", "uwsgi.ini", "enable-threads = true\n", ""),
    (
        "uwsgi-patched",
        "NO_EVENTLET_MONKEYPATCH=1",
        "uwsgi.ini",
        "env = NO_EVENTLET_MONKEYPATCH=1",
        "",
    ),
]


@pytest.mark.parametrize(("code", "word", "file", "old", "new"), PLANTS)
def test_what_is_wrong_in_a_file_is_found_and_nothing_else(deployment, code, word, file, old, new):
    deployment.change(file, old.format(folder=deployment.folder), new)
    if code == "file-readable":
        deployment.conf.chmod(0o644)

    troubles = deployment.troubles()

    assert set(troubles) == {code}
    assert word in troubles[code]


TABLES = [
    ("table-foreign", "database of its own", ["DROP TABLE fault_middleware_alembic_version"]),
    ("table-unreadable", "Grant", ["DROP TABLE instance_faults"]),
    (
        "revision-old",
        "db sync",
        ["UPDATE fault_middleware_alembic_version SET version_num='0000'"],
    ),
    (
        "revision-newer",
        "upgrade",
        ["UPDATE fault_middleware_alembic_version SET version_num='9999'"],
    ),
]


@pytest.mark.parametrize(("code", "word", "statements"), TABLES)
def test_what_is_wrong_with_the_table_is_found_and_nothing_else(
    deployment, code, word, statements
):
    for statement in statements:
        deployment.execute(statement)

    troubles = deployment.troubles()

    assert set(troubles) == {code}
    assert word in troubles[code]


def test_every_finding_is_planted():
    planted = {code for code, *_ in [*PLANTS, *TABLES]} | {NO_PURGE}
    codes = {
        code
        for findings in [*WORDS["parts"].values(), WORDS["always"]]
        for code, finding in findings.items()
        if finding["severity"] != "ok"
    }

    assert planted | ON_SERVERS == codes
    assert len(codes) >= 18


def test_every_error_and_warning_has_a_remedy():
    for findings in WORDS["parts"].values():
        for code, finding in findings.items():
            assert finding["severity"] in ("ok", "warning", "error"), code
            assert (finding["severity"] == "ok") != bool(finding.get("remedy")), code


def test_each_pipeline_is_told_once(deployment):
    deployment.change("api-paste.ini", PIPELINE, "fault authtoken extensions troveapp")

    codes = [code for severity, code, _, _ in deployment.examine() if severity == "error"]

    assert codes == ["filter-before-authtoken"]


def test_several_things_are_found_at_once(deployment):
    deployment.change("trove.conf", "messagingv2", "noop")
    deployment.change("trove.conf", "/faults.sqlite", "/others.sqlite")
    deployment.change("policy.yaml", "role:admin", "rule:unknown")
    deployment.change("api-paste.ini", " fault extensions ", " extensions fault ")

    assert set(deployment.troubles()) == {
        *("publisher-silent", "table-missing", "policy-undefined", "filter-bypassed")
    }


def test_a_configuration_that_is_wrong_leaves_the_database_to_be_looked_at(deployment):
    deployment.change("api-paste.ini", "profiles =", "profils =")
    deployment.execute("DROP TABLE instance_faults")

    assert set(deployment.troubles()) == {"configuration-wrong", "table-unreadable"}


@pytest.mark.parametrize("name", ["paste", "uwsgi"])
def test_a_file_that_is_not_there_is_told(deployment, name):
    troubles = deployment.troubles(**{name: "/nowhere/at/all.ini"})

    ((code, text),) = troubles.items()
    assert code == {"paste": "paste-unreadable", "uwsgi": "check-failed"}[name]
    assert "/nowhere/at/all.ini" in text


def test_files_that_are_not_named_are_not_looked_at(deployment):
    codes = {code for _, code, _, _ in deployment.examine(paste=None, uwsgi=None)}

    assert not [code for code in codes if code.startswith(("paste", "filter", "uwsgi"))]


def test_a_rule_that_asks_a_server_which_is_mute_is_waited_for_no_longer(deployment, monkeypatch):
    monkeypatch.setattr(doctor, "_LIMIT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        deployment.change("policy.yaml", "role:admin", url)

        troubles = deployment.troubles()

    assert "The policy could not be looked at: no end" in troubles["check-failed"]


def test_owners_who_see_the_details_of_their_own_faults_are_no_trouble(deployment):
    (text,) = blocks(MANUAL / "security.rst", "yaml")
    deployment.write("policy.yaml", text)

    said = {code: what for _, code, what, _ in deployment.examine()}

    assert deployment.troubles() == {}
    assert "project sees created, message and details; an admin" in said["policy-meaning"]


def test_a_policy_that_hides_faults_is_told(deployment):
    deployment.write("policy.yaml", '"fault_middleware:show": "role:auditor"\n')

    said = {code: what for _, code, what, _ in deployment.examine()}

    assert "project sees nothing; an admin sees nothing." in said["policy-meaning"]


NO_PURGE = "no-purge"


def tacker(deployment, pipeline):
    service, _ = blocks(MANUAL / "install/tacker.rst", "ini")
    service = re.sub("mysql.*", f"sqlite:///{deployment.database}", service)
    _, paste = blocks(MANUAL / "install/tacker.rst", "ini")
    deployment.write("trove.conf", service)
    deployment.write(
        "api-paste.ini",
        paste.replace("authtoken keystonecontext fault", pipeline)
        + "[composite:vnflcm]\nuse = egg:Paste#urlmap\n/v1: vnflcm_v1\n/v2: vnflcm_v2\n"
        "[filter:authtoken]\npaste.filter_factory = keystonemiddleware.auth_token:filter_factory\n"
        "[app:vnflcmaapp_v1]\npaste.app_factory = tacker.api.vnflcm.v1.router:Router.factory\n",
    )


def test_the_advice_for_tacker_is_well(deployment):
    tacker(deployment, "authtoken keystonecontext fault")

    findings = deployment.examine()

    # It is in the advice, but not to be seen in a file.
    assert set(deployment.troubles()) == {NO_PURGE}
    assert "paste-well" in {code for _, code, _, _ in findings}


def test_where_all_faults_are_kept_nothing_has_to_remove_them(deployment):
    tacker(deployment, "authtoken keystonecontext fault")
    deployment.change(
        "trove.conf", "tacker\n", "tacker\nretention_days = 0\nmax_faults_per_instance = 0\n"
    )

    assert deployment.troubles() == {}


def test_in_each_pipeline_of_tacker_the_place_is_looked_at(deployment):
    tacker(deployment, "fault authtoken keystonecontext")

    found = [row for row in deployment.examine() if row[1] == "filter-before-authtoken"]

    assert ["_v1" in what for _, _, what, _ in found] == [True, False]


def test_a_filter_around_a_pipeline_is_before_what_is_in_it(deployment):
    deployment.change("api-paste.ini", "ratelimit fault ", "ratelimit ")
    text = (deployment.folder / "api-paste.ini").read_text()
    deployment.write("api-paste.ini", f"{text}\n[pipeline:main]\npipeline = fault troveapi\n")

    assert set(deployment.troubles()) == {"filter-before-authtoken"}


def test_oauth2_is_as_good_as_authtoken(deployment):
    deployment.change("api-paste.ini", "auth_token:", "external_oauth2_token:")
    deployment.change("api-paste.ini", "[filter:authtoken]", "[filter:oauth2]")
    deployment.change("api-paste.ini", " authtoken ", " oauth2 ")
    deployment.change("trove.conf", "policy_file", "credentials=external_oauth2\npolicy_file")

    assert deployment.troubles() == {}


def test_who_records_faults_itself_need_not_publish_to_our_topic(deployment):
    deployment.change("trove.conf", "driver = messagingv2", "driver = fault_middleware")
    deployment.change("trove.conf", ",fault_middleware", "")

    assert deployment.troubles() == {}


def test_a_consumer_of_its_own_needs_no_threads_of_uwsgi(deployment):
    deployment.write("uwsgi.ini", "[uwsgi]\n")
    deployment.change("trove.conf", "policy_file", "consumer = external\npolicy_file")

    assert deployment.troubles() == {}


def test_it_changes_nothing(deployment):
    deployment.change("trove.conf", "/faults.sqlite", "/others.sqlite")
    before = {path: path.read_bytes() for path in deployment.folder.iterdir()}

    deployment.examine()

    assert {path: path.read_bytes() for path in deployment.folder.iterdir()} == before


def manage(*arguments, **environ):
    command = [sys.executable, "-m", "fault_middleware.cmd.manage", "doctor", *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environ}, timeout=60
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_the_command_ends_well_where_all_is_well(deployment):
    arguments = ("--config-file", str(deployment.conf), "--paste", deployment.given["paste"])

    code, out, err = manage(*arguments, CLIFF_MAX_TERM_WIDTH="80")

    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) == 80
    assert "ERROR" not in out
    assert "WARNING" not in out


def test_the_command_ends_badly_with_an_error_and_says_it_first(deployment):
    deployment.change("trove.conf", "messagingv2", "noop")

    code, out, err = manage("--config-file", str(deployment.conf), "--format", "json")

    first, *others = json.loads(out)
    assert (code, err) == (1, "")
    assert list(first) == ["severity", "code", "what", "remedy"]
    assert (first["severity"], first["code"]) == ("error", "publisher-silent")
    assert {row["severity"] for row in others} == {"ok"}


def test_the_manual_shows_what_is_printed_and_has_all_findings(deployment):
    page = MANUAL / "operations/doctor.rst"
    (example,) = blocks(page, "console")
    shown = [line for line in example.splitlines() if line.startswith(("+", "|"))]
    deployment.change("trove.conf", "messagingv2", "noop")
    arguments = ("--config-file", str(deployment.conf), "--paste", deployment.given["paste"])

    _, out, _ = manage(*arguments, CLIFF_MAX_TERM_WIDTH="98")

    assert len(shown) == 12
    assert set(shown) <= set(out.splitlines())
    parts = re.findall(r"^\.\. findings:: (\w+)$", page.read_text(), re.MULTILINE)
    assert parts == [*WORDS["parts"], "always"]
    assert all(f"``{name} " in page.read_text() for name in OPTIONS)


def test_warnings_alone_end_well(deployment):
    deployment.change("trove.conf", "policy_file", "credentials = headers\npolicy_file")

    code, out, _ = manage("--config-file", str(deployment.conf))

    assert (code, out.count("WARNING")) == (0, 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sqlite:///{folder}/faults.sqlite", "mysql+pymysql://u:s3cret@127.0.0.1:1/x"),
        ("sqlite:///{folder}/faults.sqlite", "postgresql+psycopg://u:s3cret@127.0.0.1:1/x"),
        ("sqlite:///{folder}/faults.sqlite", "mysql+nothing://u:s3cret@127.0.0.1:1/x"),
        ("sqlite:///{folder}/faults.sqlite", "u:s3cret@127.0.0.1"),
        ("sqlite:///{folder}/faults.sqlite", "mysql+pymysql://u:hun@s3cret@127.0.0.1:1/x"),
        ("sqlite:///{folder}/faults.sqlite", "mysql+pymysql://u:hun@h:s3cret@127.0.0.1:1/x"),
        ("sqlite:///{folder}/faults.sqlite", "mysql+pymysql://u:hun@h/s3cret@127.0.0.1:1/x"),
        ("kombu+memory:////", "rabbit://u:hun@s3cret@127.0.0.1:1/"),
        ("kombu+memory:////", "rabbit://u:s3cret/x@127.0.0.1:1/"),
        ("kombu+memory:////", "//u:hun@s3cret@127.0.0.1:1/"),
        ("kombu+memory:////", "rabbit://u:s3cret@127.0.0.1:1/"),
        ("kombu+memory:////", "pigeon://u:s3cret@127.0.0.1:1/"),
        ("policy_file", "transport_url = rabbit://u:s3cret@127.0.0.1:1/\npolicy_file"),
        ("policy_file", "transport_ulr = rabbit://u:s3cret@127.0.0.1:1/\npolicy_file"),
    ],
)
def test_no_secret_is_printed(deployment, old, new):
    deployment.change("trove.conf", old.format(folder=deployment.folder), new)

    _, out, err = manage("--config-file", str(deployment.conf), "--format", "json")

    assert "s3cret" in deployment.conf.read_text()
    assert "s3cret" not in out + err
    assert json.loads(out)
    assert err == ""


def test_a_number_that_is_none_is_a_misspelt_command(deployment):
    code, _, err = manage("--readers", "two")

    assert code == 2
    assert "--readers: 'two' is no whole number" in err


def test_the_help_says_what_the_options_are_for():
    _, out, _ = manage("--help")

    assert all(f"  {name} " in out for name in OPTIONS)
    assert "Changes nothing" in out


@pytest.mark.parametrize("sample", sorted((ROOT / "etc/fault_middleware/api-paste").iterdir()))
def test_the_place_in_each_sample_is_right(deployment, sample):
    deployment.write("api-paste.ini", sample.read_text())

    found = [row for row in deployment.examine(uwsgi=None) if row[0] != "ok"]

    # Of no driver that is Nova's alone, and of topics, these samples know nothing.
    unread = {NO_PURGE} if sample.stem in ("designate", "tacker") else set()
    assert {code for _, code, _, _ in found if not code.startswith("publisher")} == unread


def test_a_cache_of_glance_before_the_filter_answers_itself(deployment):
    text = (ROOT / "etc/fault_middleware/api-paste/glance.ini").read_text()
    deployment.write("api-paste.ini", text.replace("fault cache ", "cache fault "))

    assert "filter-bypassed" in deployment.troubles(uwsgi=None)
