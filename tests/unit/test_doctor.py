# SPDX-License-Identifier: Apache-2.0
"""The doctor finds what was planted, names its remedy, and finds nothing else."""

import dataclasses
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys

import pytest
import yaml

from fault_middleware import configuration, package_data
from fault_middleware.cmd.doctor import examination, findings, pipeline
from fault_middleware.cmd.doctor.case import Given
from fault_middleware.cmd.doctor.finding import Severity
from fault_middleware.options import register_opts
from tests.documents import MANUAL, README, ROOT, blocks
from tests.findings import ON_SERVERS, texts
from tests.fixtures import close, make_store, parse
from tests.paste import complete

OPTIONS = ("--paste", "--uwsgi", "--readers")
FRAGMENTS = sorted((ROOT / "etc/fault_middleware/api-paste").iterdir())
CONF = """\
[DEFAULT]
transport_url = kombu+memory:////
control_exchange = trove
api_paste_config = {folder}/api-paste.ini

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
# What is said of every such deployment: Trove is not installed here, and there is no broker.
UNSEEN = {"code-elsewhere", "broker-unchecked"}


def one_line(text):
    """A paste file whose pipelines have a line each."""
    return re.sub(r"\n[ \t]+", " ", text)


class Deployment:
    """The files of a deployment as the README has it, in a folder, which is the user's home."""

    def __init__(self, folder):
        self.folder = folder
        self.conf = folder / "trove.conf"
        self.database = folder / "faults.sqlite"
        _, paste, _ = blocks(README, "ini")
        self.write("trove.conf", CONF.format(folder=folder))
        self.write("api-paste.ini", complete(one_line(paste) + PASTE))
        self.write("uwsgi.ini", UWSGI)
        self.write("policy.yaml", DETAILS)
        close(make_store(f"sqlite:///{self.database}"))

    def write(self, name, text):
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o600)

    def change(self, name, old, new):
        text = (self.folder / name).read_text()
        old = old.format(folder=self.folder)
        assert old in text
        self.write(name, text.replace(old, new.format(folder=self.folder)))

    def add(self, name, text):
        self.write(
            name,
            (self.folder / name).read_text() + text.format(folder=self.folder),
        )

    def execute(self, statement):
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement)
        connection.close()

    @property
    def given(self):
        return {
            "paste": f"{self.folder}/api-paste.ini",
            "uwsgi": f"{self.folder}/uwsgi.ini",
        }

    def examine(self, **given):
        """All that the doctor says."""
        configuration.read.cache_clear()  # of files of another test
        conf = parse(self.conf)
        register_opts(conf)
        return list(examination.examine(Given(conf, **self.given | given)))

    def said(self, **given):
        """What is said by the codes."""
        return texts(self.examine(**given))

    def troubles(self, **given):
        """What is not well: the words by the codes."""
        bad = (Severity.ERROR, Severity.WARNING)
        return texts(
            found for found in self.examine(**given) if found.severity in bad
        )


@pytest.fixture
def deployment(tmp_path, monkeypatch):
    monkeypatch.setenv(
        "HOME", str(tmp_path)
    )  # where oslo_config_project finds its file
    return Deployment(tmp_path)


def test_a_right_deployment_is_well(deployment):
    found = deployment.examine()

    assert {finding.severity for finding in found} == {
        Severity.OK,
        Severity.SKIPPED,
    }
    assert {finding.code for finding in found} == UNSEEN | {
        *(
            "configuration-well",
            "filter-reading-well",
            "database-well",
            "policy-meaning",
        ),
        *("publishing-well", "uwsgi-well"),
    }
    assert (
        "By the policy a member of the instance's project sees created and message; an admin "
        "sees created, message and details."
    ) in {finding.what for finding in found}


def test_a_right_deployment_without_a_broker_is_well(deployment):
    without_a_broker(deployment)

    found = deployment.examine()

    assert {finding.severity for finding in found} == {Severity.OK}
    assert "broker-not-needed" in {finding.code for finding in found}
    assert not [
        finding.code
        for finding in found
        if finding.code.startswith(("queue", "exchange"))
    ]


def without_a_broker(deployment):
    """The driver records, and all code of the pipeline is installed here."""
    deployment.change(
        "trove.conf", "driver = messagingv2", "driver = fault_middleware"
    )
    deployment.change("trove.conf", "transport_url = kombu+memory:////", "")
    deployment.change(
        "trove.conf", "policy_file", "consumer = external\npolicy_file"
    )
    for name in (
        "trove.common.api:",
        "trove.common.extensions:",
        "trove.versions:",
    ):
        deployment.change(
            "api-paste.ini", name, "oslo_middleware.healthcheck:"
        )
    deployment.change(
        "api-paste.ini", "trove.common.wsgi:", "oslo_middleware.healthcheck:"
    )


CONNECTION = "connection = sqlite:///{folder}/faults.sqlite"
PIPELINE = "authtoken authorization contextwrapper ratelimit fault extensions troveapp"
PLANTS = [
    (
        "paste-unreadable",
        "--paste",
        "api-paste.ini",
        "[pipeline:troveapi]",
        "no section",
    ),
    (
        "filter-file-missing",
        "oslo_config_file",
        "api-paste.ini",
        "oslo_config_project = trove",
        "oslo_config_file = /no/such/trove.conf",
    ),
    # code, a word of the remedy, the file, what to exchange in it, for what
    (
        "configuration-wrong",
        "Correct",
        "api-paste.ini",
        "profiles =",
        "profils =",
    ),
    (
        "configuration-wrong",
        "profiles",
        "api-paste.ini",
        "profiles = trove",
        "profiles = nothing",
    ),
    (
        "configuration-wrong",
        "shop.yaml",
        "api-paste.ini",
        "profiles = trove",
        "profiles = {folder}/shop.yaml",
    ),
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
    (
        "file-readable",
        "chmod",
        "trove.conf",
        "kombu+memory:////",
        "kombu+memory://u:s3cret@h/",
    ),
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
    (
        "database-unreachable",
        "server runs",
        "trove.conf",
        "/faults.sqlite",
        "",
    ),
    (
        "table-missing",
        "db sync",
        "trove.conf",
        "/faults.sqlite",
        "/others.sqlite",
    ),
    (
        "policy-missing",
        "policy_file",
        "trove.conf",
        "policy.yaml",
        "polizy.yaml",
    ),
    ("policy-unreadable", "YAML", "policy.yaml", DETAILS, "{{"),
    ("policy-unreadable", "YAML", "policy.yaml", DETAILS, "- role:admin"),
    (
        "policy-misspelt",
        "fault_middleware:show:details",
        "policy.yaml",
        "details",
        "detail",
    ),
    (
        "policy-broken",
        "role:admin",
        "policy.yaml",
        "role:admin",
        "role:admin or owner",
    ),
    (
        "policy-broken",
        "role:admin",
        "policy.yaml",
        "role:admin",
        "role:admin or (role:x",
    ),
    (
        "policy-undefined",
        "refers to",
        "policy.yaml",
        "role:admin",
        "rule:context_is_admin",
    ),
    ("policy-open", "project_id", "policy.yaml", "role:admin", ""),
    ("policy-open", "project_id", "policy.yaml", "role:admin", "role:member"),
    (
        "publisher-silent",
        "messagingv2",
        "trove.conf",
        "driver = messagingv2\n",
        "",
    ),
    ("publisher-silent", "messagingv2", "trove.conf", "messagingv2", "noop"),
    (
        "publisher-topic",
        "notifications,fault_middleware",
        "trove.conf",
        ",fault_middleware",
        "",
    ),
    (
        "publisher-retry",
        "retry = -1",
        "trove.conf",
        "driver",
        "retry = 3\ndriver",
    ),
    (
        "publisher-exchange",
        "exchanges",
        "trove.conf",
        "policy_file",
        "exchanges=nova\npolicy_file",
    ),
    (
        "topic-shared",
        "pool",
        "trove.conf",
        "policy_file",
        "topics=notifications\npolicy_file",
    ),
    (
        "broker-memory",
        "rabbit://",
        "trove.conf",
        "kombu+memory:////",
        "fake://",
    ),
    (
        "transport-wrong",
        "URL",
        "trove.conf",
        "kombu+memory:////",
        "carrier-pigeon://",
    ),
    (
        "filter-missing",
        "egg:fault_middleware",
        "api-paste.ini",
        "egg:fault_",
        "egg:other_",
    ),
    (
        "filter-unused",
        "pipeline",
        "api-paste.ini",
        "ratelimit fault ",
        "ratelimit ",
    ),
    (
        *(
            "filter-before-authtoken",
            "after authtoken",
            "api-paste.ini",
            PIPELINE,
        ),
        "fault authtoken authorization contextwrapper ratelimit extensions troveapp",
    ),
    (
        *(
            "filter-without-authtoken",
            "keystonemiddleware",
            "api-paste.ini",
            PIPELINE,
        ),
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
        *("filter-bypassed", "before that one", "api-paste.ini"),
        *("fault extensions troveapp", "extensions fault troveapp"),
    ),
    (
        "profile-other",
        "profiles = trove",
        "api-paste.ini",
        "profiles = trove",
        "profiles = nova",
    ),
    (
        "profile-other",
        "profiles = tacker",
        "api-paste.ini",
        "trove.common.api:",
        "tacker.api:",
    ),
    (
        "uwsgi-threads",
        "enable-threads",
        "uwsgi.ini",
        "enable-threads = true\n",
        "",
    ),
    (
        "uwsgi-patched",
        "NO_EVENTLET_MONKEYPATCH=1",
        "uwsgi.ini",
        "env = NO_EVENTLET_MONKEYPATCH=1",
        "",
    ),
    # What the filter reads is not what was given.
    (
        "filter-project-without-file",
        "trove.conf",
        "api-paste.ini",
        "_project = trove",
        "_project = trov",
    ),
    (
        *("filter-configuration-wrong", "oslo_config_file", "api-paste.ini"),
        *(
            "oslo_config_project = trove",
            "oslo_config_file = {folder}/uwsgi.ini",
        ),
    ),
    # The paste file.
    (
        "paste-duplicate",
        "Remove",
        "api-paste.ini",
        "[filter:fault]",
        "[filter:fault]\n[filter:fault]",
    ),
    (
        "paste-other",
        "--paste",
        "trove.conf",
        "{folder}/api-paste.ini",
        "/etc/trove/other.ini",
    ),
    (
        "section-missing",
        "Add the section",
        "api-paste.ini",
        "[filter:cors]",
        "[filter:corse]",
    ),
    (
        *("section-broken", "use = egg:fault_middleware", "api-paste.ini"),
        *(
            "use = egg:fault_middleware",
            "paste.filter_factory = fault_middleware.filter:filter_factory",
        ),
    ),
    (
        *("section-broken", "use = egg:fault_middleware", "api-paste.ini"),
        *("use = egg:fault_middleware", "use = egg:fault_middleware#filter"),
    ),
    (
        *("section-broken", "cannot be loaded", "api-paste.ini"),
        *(
            "paste.filter_factory = keystonemiddleware.auth_token:",
            "paste.filter_factory = keystonemiddleware.auth_tokn:",
        ),
    ),
    (
        "section-broken",
        "neither use",
        "api-paste.ini",
        "paste.filter_factory = keystonemiddleware",
        "factory = keystonemiddleware",
    ),
    (
        "filter-last",
        "before the application",
        "api-paste.ini",
        "fault extensions troveapp",
        "extensions troveapp fault",
    ),
    (
        "filter-twice",
        "one of them",
        "api-paste.ini",
        "fault extensions",
        "fault fault extensions",
    ),
    # The configuration.
    (
        "section-unknown",
        "[fault_middleware]",
        "trove.conf",
        "[oslo_messaging_n",
        "[fault-middleware]\nconsumer = external\n[oslo_messaging_n",
    ),
    (
        "section-unknown",
        "[fault_middleware]",
        "trove.conf",
        "[oslo_messaging_n",
        "[fault_midleware]\nconsumer = external\n[oslo_messaging_n",
    ),
    (
        "policy-missing",
        "[oslo_policy]",
        "trove.conf",
        "policy_file = {folder}/policy.yaml",
        "[oslo_policy]\npolicy_file = {folder}/nope.yaml",
    ),
    (
        "database-relative",
        "four slashes",
        "trove.conf",
        "sqlite:///{folder}/faults.sqlite",
        "sqlite:///../../../../../../{folder}/faults.sqlite",
    ),
    (
        *("publisher-elsewhere", "transport_url", "trove.conf"),
        *(
            "policy_file",
            "transport_url = kombu+memory:////faults\npolicy_file",
        ),
    ),
    (
        *("publisher-other-hosts", "one cluster", "trove.conf"),
        *(
            "policy_file",
            "transport_url = kombu+memory://other.example.org/\npolicy_file",
        ),
    ),
    (
        "replica-renamed",
        "is the replica",
        "trove.conf",
        "connection =",
        "slave_connection = sqlite:///{folder}/replica.sqlite\nconnection =",
    ),
]


@pytest.mark.parametrize(("code", "word", "file", "old", "new"), PLANTS)
def test_what_is_wrong_in_a_file_is_found_and_nothing_else(
    deployment, code, word, file, old, new
):
    if code == "replica-renamed":
        close(make_store(f"sqlite:///{deployment.folder}/replica.sqlite"))
    deployment.change(file, old, new)
    if code == "file-readable":
        deployment.conf.chmod(0o644)

    troubles = deployment.troubles()

    assert set(troubles) == {code}
    assert word in troubles[code]


TABLES = [
    (
        "table-foreign",
        "database of its own",
        ["DROP TABLE fault_middleware_alembic_version"],
    ),
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


#: Codes of findings that a test of their own plants here.
ELSEWHERE_HERE = {
    *("topic-of-the-service", "topic-of-the-format"),
    *("logs-without-driver", "logs-without-rules", "logs-file-unreadable"),
    *(
        "table-different",
        "no-purge",
        "publisher-level",
        "filter-database-other",
        "filter-options-other",
    ),
    *(
        "metrics-port-taken",
        "rights-missing",
        "pipeline-not-given",
        "part-skipped",
    ),
    *("code-elsewhere", "broker-unchecked", "check-failed"),
}


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
    planted = (
        {code for code, *_ in [*PLANTS, *TABLES]} | ON_SERVERS | ELSEWHERE_HERE
    )
    codes = {
        finding.code
        for finding in declared()
        if finding.severity != Severity.OK
    }

    assert planted == codes


def declared():
    return [
        finding
        for part in findings.PARTS
        for finding in findings.declared(part)
    ]


def test_what_is_not_well_has_a_remedy():
    for finding in declared():
        assert finding.what, finding.code
        assert bool(finding.remedy) == (finding.severity != Severity.OK), (
            finding.code
        )


def test_every_remedy_of_durability_says_what_runs_and_breaks_nothing():
    said = {finding.code: finding for finding in declared()}

    for code in (
        "exchange-less-durable",
        "queue-less-durable",
        "rpc-exchange-different",
    ):
        remedy = said[code].remedy
        assert "remove amqp_durable_queues and rabbit_quorum_queue" in remedy
        assert "virtual host of their own" in remedy
        assert "migration" in remedy
    for finding in declared():
        assert "Set amqp_durable_queues" not in finding.remedy


def test_each_pipeline_is_told_once(deployment):
    deployment.change(
        "api-paste.ini", PIPELINE, "fault authtoken extensions troveapp"
    )

    codes = [
        found.code
        for found in deployment.examine()
        if found.severity == Severity.ERROR
    ]

    assert codes == ["filter-before-authtoken"]


def test_several_things_are_found_at_once(deployment):
    deployment.change("trove.conf", "messagingv2", "noop")
    deployment.change("trove.conf", "/faults.sqlite", "/others.sqlite")
    deployment.change("policy.yaml", "role:admin", "rule:unknown")
    deployment.change(
        "api-paste.ini", " fault extensions ", " extensions fault "
    )

    assert set(deployment.troubles()) == {
        *(
            "publisher-silent",
            "table-missing",
            "policy-undefined",
            "filter-bypassed",
        )
    }


def test_a_configuration_that_is_wrong_leaves_the_database_to_be_looked_at(
    deployment,
):
    deployment.change("api-paste.ini", "profiles =", "profils =")
    deployment.execute("DROP TABLE instance_faults")

    assert set(deployment.troubles()) == {
        "configuration-wrong",
        "table-unreadable",
    }


@pytest.mark.parametrize("name", ["paste", "uwsgi"])
def test_a_file_that_is_not_there_is_told(deployment, name):
    troubles = deployment.troubles(**{name: "/nowhere/at/all.ini"})

    ((code, text),) = troubles.items()
    assert code == {"paste": "paste-unreadable", "uwsgi": "check-failed"}[name]
    assert "/nowhere/at/all.ini" in text


def test_files_that_are_not_named_are_not_looked_at(deployment):
    codes = set(deployment.said(paste=None, uwsgi=None))

    assert not [
        code for code in codes if code.startswith(("paste", "filter", "uwsgi"))
    ]
    assert "pipeline-not-given" in codes


def test_a_rule_that_asks_a_server_which_is_mute_is_waited_for_no_longer(
    deployment,
):
    policy = dataclasses.replace(examination.POLICY, limit=0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        deployment.change("policy.yaml", "role:admin", url)

        conf = parse(deployment.conf)
        register_opts(conf)
        (found,) = examination.examine(Given(conf), [policy])

    assert found.code == "check-failed"
    assert "The policy could not be checked: no end" in found.what


@pytest.fixture
def cinder(deployment):
    """A deployment whose profile has rules for logs."""
    deployment.add("trove.conf", "\n[fault_middleware]\nprofiles = cinder\n")
    return deployment


RECORDING = "\n[oslo_messaging_notifications]\ndriver = fault_middleware\n"
ON = "\n[fault_middleware]\nlogs = true\n"
NAMING = "[handler_fault]\nclass = fault_middleware.log.Handler\n"


def codes(deployment, word="logs-"):
    """The codes of what is said of the log handler."""
    found = deployment.said(paste=None)
    return {code for code in found if code.startswith(word)}


def test_of_a_log_handler_that_is_off_nothing_is_said(cinder):
    assert codes(cinder) == set()


def test_the_log_handler_is_on_where_the_driver_is(cinder):
    cinder.add("trove.conf", ON + RECORDING)

    said = cinder.said(paste=None)

    assert "has the log handler, for cinder" in said["logs-attached"]


def test_a_log_handler_that_nobody_attaches_is_told(cinder):
    cinder.add("trove.conf", ON)

    assert codes(cinder) == {"logs-without-driver"}


def test_a_log_handler_without_rules_is_told(deployment):
    shipped = yaml.safe_load(package_data.read("profiles/trove.yaml"))
    del shipped["logs"]
    deployment.write("without-logs.yaml", yaml.safe_dump(shipped))
    file = f"{deployment.folder}/without-logs.yaml"
    profile = f"\n[fault_middleware]\nprofiles = {file}\n"
    deployment.add("trove.conf", profile + ON + RECORDING)

    assert codes(deployment) == {"logs-without-rules"}


def test_a_file_of_logging_that_names_the_handler_is_found(cinder):
    cinder.write("logging.conf", NAMING)
    file = f"{cinder.folder}/logging.conf"
    cinder.add("trove.conf", f"\n[DEFAULT]\nlog_config_append = {file}\n")

    said = cinder.said(paste=None)

    assert said["logs-named"].startswith(file)


def test_a_file_of_logging_that_is_not_there_is_told(cinder):
    cinder.add(
        "trove.conf", "\n[DEFAULT]\nlog_config_append = /nowhere/x.conf\n"
    )

    assert codes(cinder) == {"logs-file-unreadable"}


def test_owners_who_see_the_details_of_their_own_faults_are_no_trouble(
    deployment,
):
    text, _ = blocks(MANUAL / "security.rst", "yaml")
    deployment.write("policy.yaml", text)

    said = deployment.said()

    assert deployment.troubles() == {}
    assert (
        "project sees created, message and details; an admin"
        in said["policy-meaning"]
    )


def test_a_policy_that_hides_faults_is_told(deployment):
    deployment.write(
        "policy.yaml", '"fault_middleware:show": "role:auditor"\n'
    )

    said = deployment.said()

    assert (
        "project sees nothing; an admin sees nothing."
        in said["policy-meaning"]
    )


def tacker(deployment, pipeline):
    service, *_ = blocks(MANUAL / "install/tacker.rst", "ini")
    service = re.sub("mysql.*", f"sqlite:///{deployment.database}", service)
    _, paste, _ = blocks(MANUAL / "install/tacker.rst", "ini")
    deployment.write("trove.conf", service)
    paste = paste.replace("authtoken keystonecontext fault", pipeline)
    paste += "[composite:vnflcm]\nuse = egg:Paste#urlmap\n/v1: vnflcm_v1\n/v2: vnflcm_v2\n"
    paste += "[composite:tacker]\nuse = egg:Paste#urlmap\n/vnflcm: vnflcm\n"
    paste += "[app:vnflcmaapp_v1]\n"
    paste += "paste.app_factory = tacker.api.vnflcm.v1.router:Router.factory\n"
    deployment.write("api-paste.ini", complete(paste))
    (deployment.folder / "tacker.conf").symlink_to(deployment.conf)


def test_the_advice_for_tacker_is_well(deployment):
    tacker(deployment, "authtoken keystonecontext fault")

    # It is in the advice, but not to be seen in a file.
    assert set(deployment.troubles()) == {"no-purge"}


def test_where_all_faults_are_kept_nothing_has_to_remove_them(deployment):
    tacker(deployment, "authtoken keystonecontext fault")
    deployment.change(
        "trove.conf",
        "tacker\n",
        "tacker\nretention_days = 0\nmax_faults_per_instance = 0\n",
    )

    assert deployment.troubles() == {}


def test_in_each_pipeline_of_tacker_the_place_is_looked_at(deployment):
    tacker(deployment, "fault authtoken keystonecontext")

    found = [
        row.what
        for row in deployment.examine()
        if row.code == "filter-before-authtoken"
    ]

    assert ["_v1" in what for what in found] == [True, False]


def test_a_filter_around_a_pipeline_is_before_what_is_in_it(deployment):
    deployment.change("api-paste.ini", "ratelimit fault ", "ratelimit ")
    deployment.change("api-paste.ini", "/v1.0: troveapi", "/v1.0: around")
    deployment.add(
        "api-paste.ini", "\n[pipeline:around]\npipeline = fault troveapi\n"
    )

    assert set(deployment.troubles()) == {"filter-before-authtoken"}


def test_oauth2_is_as_good_as_authtoken(deployment):
    deployment.change("api-paste.ini", "auth_token:", "external_oauth2_token:")
    deployment.change("api-paste.ini", "[filter:authtoken]", "[filter:oauth2]")
    deployment.change("api-paste.ini", " authtoken ", " oauth2 ")
    deployment.change(
        "trove.conf", "policy_file", "credentials=external_oauth2\npolicy_file"
    )

    assert deployment.troubles() == {}


def test_who_records_faults_itself_need_not_publish_to_our_topic(deployment):
    deployment.change(
        "trove.conf", "driver = messagingv2", "driver = fault_middleware"
    )
    deployment.change("trove.conf", ",fault_middleware", "")

    assert deployment.troubles() == {}


def test_a_consumer_of_its_own_needs_no_threads_of_uwsgi(deployment):
    deployment.write("uwsgi.ini", "[uwsgi]\n")
    deployment.change(
        "trove.conf", "policy_file", "consumer = external\npolicy_file"
    )

    assert deployment.troubles() == {}


def test_it_changes_nothing(deployment):
    deployment.change("trove.conf", "/faults.sqlite", "/others.sqlite")
    before = {path: path.read_bytes() for path in deployment.folder.iterdir()}

    deployment.examine()

    assert {
        path: path.read_bytes() for path in deployment.folder.iterdir()
    } == before


def manage(*arguments, **environ):
    command = [
        sys.executable,
        "-m",
        "fault_middleware.cmd.manage",
        "doctor",
        *arguments,
    ]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        timeout=60,
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_the_command_ends_with_0_where_all_was_looked_at_and_is_well(
    deployment,
):
    without_a_broker(deployment)
    arguments = (
        "--config-file",
        str(deployment.conf),
        "--paste",
        deployment.given["paste"],
    )

    code, out, err = manage(*arguments)

    assert (code, err) == (0, "")
    assert {
        line.split()[0] for line in out.splitlines() if re.match("[A-Z]", line)
    } == {"OK"}


def test_the_command_ends_with_3_where_something_was_not_looked_at(deployment):
    without_a_broker(deployment)

    code, out, _ = manage("--config-file", str(deployment.conf))

    assert code == 3
    assert out.startswith("SKIPPED   pipeline-not-given\n")


def test_the_command_ends_with_3_where_there_are_warnings_only(deployment):
    without_a_broker(deployment)
    deployment.change(
        "trove.conf", "policy_file", "credentials = headers\npolicy_file"
    )
    arguments = (
        "--config-file",
        str(deployment.conf),
        "--paste",
        deployment.given["paste"],
    )

    code, out, _ = manage(*arguments)

    assert (code, out.count("WARNING")) == (3, 1)


def test_the_command_ends_with_1_where_there_is_an_error_and_says_it_first(
    deployment,
):
    deployment.change("trove.conf", "messagingv2", "noop")

    code, out, err = manage(
        "--config-file", str(deployment.conf), "--format", "json"
    )

    first, *others = json.loads(out)
    assert (code, err) == (1, "")
    assert list(first) == ["severity", "code", "what", "remedy"]
    assert (first["severity"], first["code"]) == ("error", "publisher-silent")
    assert {row["severity"] for row in others} == {"skipped", "ok"}


@pytest.mark.parametrize("text", [None, "no INI file", "[DEFAULT]\nx = \xff"])
def test_the_command_ends_with_2_where_its_configuration_cannot_be_read(
    tmp_path, text
):
    file = tmp_path / "trove.conf"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))

    code, out, err = manage("--config-file", str(file))

    assert (code, out) == (2, "")
    assert str(file) in err


@pytest.mark.parametrize("arguments", [("--readers", "two"), ("--nothing",)])
def test_a_misspelt_command_ends_with_2(arguments):
    code, _, err = manage(*arguments)

    assert code == 2
    assert arguments[0] in err


def test_piped_text_has_80_columns_and_breaks_no_name(deployment):
    deployment.change("trove.conf", "/faults.sqlite", "/others.sqlite")
    arguments = (
        "--config-file",
        str(deployment.conf),
        "--paste",
        deployment.given["paste"],
    )

    _, out, _ = manage(*arguments)

    longest = len(f"sqlite:///{deployment.folder}/others.sqlite") + 10
    assert max(map(len, out.splitlines())) <= max(80, longest)
    for name in (
        "--config-file.",
        "broker-unchecked",
        f"sqlite:///{deployment.folder}/others.sqlite",
    ):
        assert re.search(rf"(^|\s){re.escape(name)}(\s|$)", out)


def test_the_manual_shows_what_is_printed_and_has_all_findings(deployment):
    page = (MANUAL / "operations/doctor.rst").read_text()
    (example,) = blocks(MANUAL / "operations/doctor.rst", "console")
    deployment.change("trove.conf", "messagingv2", "noop")

    _, out, _ = manage("--config-file", str(deployment.conf))

    shown = [
        line.rstrip()
        for line in example.splitlines()
        if not line.startswith("#")
    ]
    assert "\n".join(shown[:6]) in out
    parts = re.findall(r"^\.\. findings:: (\w+)$", page, re.MULTILINE)
    assert parts == list(findings.PARTS)
    assert all(f"``{name} " in page for name in OPTIONS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "sqlite:///{folder}/faults.sqlite",
            "mysql+pymysql://u:s3cret@127.0.0.1:1/x",
        ),
        (
            "sqlite:///{folder}/faults.sqlite",
            "postgresql+psycopg://u:s3cret@127.0.0.1:1/x",
        ),
        (
            "sqlite:///{folder}/faults.sqlite",
            "mysql+nothing://u:s3cret@127.0.0.1:1/x",
        ),
        ("sqlite:///{folder}/faults.sqlite", "u:s3cret@127.0.0.1"),
        (
            "sqlite:///{folder}/faults.sqlite",
            "mysql+pymysql://u:hun@s3cret@127.0.0.1:1/x",
        ),
        (
            "sqlite:///{folder}/faults.sqlite",
            "mysql+pymysql://u:hun@h:s3cret@127.0.0.1:1/x",
        ),
        (
            "sqlite:///{folder}/faults.sqlite",
            "mysql+pymysql://u:hun@h/s3cret@127.0.0.1:1/x",
        ),
        ("kombu+memory:////", "rabbit://u:hun@s3cret@127.0.0.1:1/"),
        ("kombu+memory:////", "rabbit://u:s3cret/x@127.0.0.1:1/"),
        ("kombu+memory:////", "//u:hun@s3cret@127.0.0.1:1/"),
        ("kombu+memory:////", "rabbit://u:s3cret@127.0.0.1:1/"),
        ("kombu+memory:////", "pigeon://u:s3cret@127.0.0.1:1/"),
        (
            "policy_file",
            "transport_url = rabbit://u:s3cret@127.0.0.1:1/\npolicy_file",
        ),
        (
            "policy_file",
            "transport_ulr = rabbit://u:s3cret@127.0.0.1:1/\npolicy_file",
        ),
    ],
)
def test_no_secret_is_printed(deployment, old, new):
    deployment.change("trove.conf", old.format(folder=deployment.folder), new)

    _, out, err = manage(
        "--config-file", str(deployment.conf), "--format", "json"
    )

    assert "s3cret" in deployment.conf.read_text()
    assert "s3cret" not in out + err
    assert json.loads(out)
    assert err == ""


def test_the_help_says_what_the_options_are_for():
    _, out, _ = manage("--help")

    assert all(f"  {name} " in out for name in OPTIONS)
    assert "Changes nothing" in out


#: Which of the two ways to read its topic Masakari's deployer wants, no default can know.
TOLD_OF_FRAGMENTS = {
    "tacker": {"no-purge"},
    "masakari": {"topic-of-the-service"},
}


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda path: path.stem)
def test_the_place_in_each_fragment_is_right(deployment, fragment):
    service = fragment.stem
    deployment.write(
        "api-paste.ini", complete(fragment.read_text(), examined_root(service))
    )
    file = re.search(
        r"^oslo_config_program = (\S+)$", fragment.read_text(), re.MULTILINE
    )
    name = file[1] if file else service
    if name != "trove":
        (deployment.folder / f"{name}.conf").symlink_to(deployment.conf)

    found = deployment.troubles(uwsgi=None)

    # Of topics these fragments know nothing, which are in the service's configuration.
    others = {code for code in found if not code.startswith("publisher")}
    assert others == TOLD_OF_FRAGMENTS.get(service, set())


def examined_root(service):
    """The name of the application that a service loads."""
    return pipeline.APPLICATIONS[service] if service != "magnum" else "main"


def test_a_cache_of_glance_before_the_filter_answers_itself(deployment):
    text = (ROOT / "etc/fault_middleware/api-paste/glance.ini").read_text()
    text = text.replace("fault cache ", "cache fault ")
    deployment.write("api-paste.ini", complete(text, "glance-api"))
    deployment.add("trove.conf", "[paste_deploy]\nflavor = keystone+caching\n")

    assert "filter-bypassed" in deployment.troubles(uwsgi=None)


def test_a_pipeline_that_the_strategy_does_not_choose_does_not_count(
    deployment,
):
    text = one_line(
        (ROOT / "etc/fault_middleware/api-paste/cinder.ini").read_text()
    )
    text = text.replace(" fault ", " ").replace(
        "keystone =", "noauth = fault apiv3\nkeystone ="
    )
    text = text.replace("_project = cinder", "_project = trove")
    deployment.write("api-paste.ini", complete(text, "osapi_volume"))
    deployment.add("trove.conf", "[DEFAULT]\nauth_strategy = keystone\n")

    assert "filter-unused" in deployment.troubles(uwsgi=None)


def test_a_filter_in_a_pipeline_that_no_composite_leads_to_never_runs(
    deployment,
):
    deployment.change("api-paste.ini", "ratelimit fault ", "ratelimit ")
    deployment.add(
        "api-paste.ini",
        "\n[pipeline:other]\npipeline = authtoken fault troveapp\n",
    )

    troubles = deployment.troubles()

    assert set(troubles) == {"filter-unused"}
    assert "[composite:trove]" in troubles["filter-unused"]


def test_the_database_of_the_filter_is_compared_with_the_one_given(deployment):
    text = deployment.conf.read_text().replace(
        "/faults.sqlite", "/empty.sqlite"
    )
    deployment.write("copy.conf", text)
    deployment.change(
        "api-paste.ini", "_project = trove", "_file = {folder}/copy.conf"
    )

    troubles = deployment.troubles()

    assert set(troubles) == {"filter-database-other"}
    assert "/copy.conf" in troubles["filter-database-other"]
    assert "/empty.sqlite" in troubles["filter-database-other"]


def test_other_options_that_the_filter_reads_are_named(deployment):
    text = deployment.conf.read_text().replace(
        "policy_file", "lookup_timeout = 1\npolicy_file"
    )
    deployment.write("copy.conf", text)
    deployment.change(
        "api-paste.ini", "_project = trove", "_file = {folder}/copy.conf"
    )

    troubles = deployment.troubles()

    assert set(troubles) == {"filter-options-other"}
    assert (
        "[fault_middleware] lookup_timeout" in troubles["filter-options-other"]
    )


def test_a_copy_that_says_the_same_is_well(deployment):
    deployment.write("copy.conf", deployment.conf.read_text())
    deployment.change(
        "api-paste.ini", "_project = trove", "_file = {folder}/copy.conf"
    )

    assert deployment.troubles() == {}


def test_a_filter_without_a_file_reads_what_the_service_read(deployment):
    deployment.change("api-paste.ini", "oslo_config_project = trove\n", "")

    assert deployment.troubles() == {}


def test_the_file_of_the_program_is_found_as_the_service_finds_it(deployment):
    deployment.change(
        "api-paste.ini",
        "_project = trove",
        "_project = shop\noslo_config_program = trove",
    )

    assert deployment.troubles() == {}


def test_what_the_file_says_for_all_sections_counts(deployment):
    deployment.change("api-paste.ini", "oslo_config_project = trove\n", "")
    deployment.add(
        "api-paste.ini", "\n[DEFAULT]\noslo_config_project = trov\n"
    )

    assert set(deployment.troubles()) == {"filter-project-without-file"}


def test_a_filter_by_another_name_is_one_of_ours(deployment):
    deployment.change(
        "api-paste.ini", "ratelimit fault ", "ratelimit fault_v1 "
    )
    deployment.add("api-paste.ini", "\n[filter:fault_v1]\nuse = fault\n")

    assert deployment.troubles() == {}


def test_columns_that_this_release_cannot_fill_are_told(deployment):
    deployment.execute(
        "ALTER TABLE instance_faults ADD COLUMN extra TEXT NOT NULL DEFAULT ''"
    )
    deployment.execute("ALTER TABLE instance_faults DROP COLUMN problem")

    troubles = deployment.troubles()

    assert set(troubles) == {"table-different"}
    assert "instance_faults.problem" in troubles["table-different"]


def test_a_filter_around_an_application_is_in_its_chain(deployment):
    deployment.change(
        "api-paste.ini", "ratelimit fault extensions", "ratelimit extensions"
    )
    deployment.change("api-paste.ini", "extensions troveapp", "around")
    deployment.change(
        "api-paste.ini",
        "[filter:fault]",
        "[filter-app:around]\nnext = troveapp",
    )

    assert deployment.troubles() == {}


def test_ironic_without_its_level_publishes_nothing(deployment):
    ironic(deployment, "")

    assert "publisher-level" in deployment.troubles(paste=None)


def test_versioned_notifications_of_ironic_are_published(deployment):
    ironic(
        deployment,
        "notification_level = info\nversioned_notifications_topics = x,fault_middleware\n",
    )

    assert deployment.troubles(paste=None) == {}


def ironic(deployment, text):
    deployment.change("trove.conf", "[DEFAULT]\n", f"[DEFAULT]\n{text}")
    deployment.change(
        "trove.conf", "policy_file", "profiles = ironic\npolicy_file"
    )
    deployment.change("trove.conf", "control_exchange = trove\n", "")
    deployment.change(
        "trove.conf", "topics = notifications,fault_middleware\n", ""
    )


def test_masakari_publishes_to_the_topic_in_its_code(deployment):
    deployment.change(
        "trove.conf",
        "policy_file",
        "profiles = masakari\ntopics = versioned_notifications\npolicy_file",
    )
    deployment.change("trove.conf", "control_exchange = trove\n", "")

    assert deployment.troubles(paste=None) == {}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", {"topic-of-the-service"}),
        ("topics = fault_middleware\n", {"topic-of-the-service"}),
        ("pool = faults\n", set()),
    ],
)
def test_the_topic_in_masakaris_code_is_read_by_a_pool_alone(
    deployment, options, told
):
    deployment.change(
        "trove.conf",
        "policy_file",
        f"profiles = masakari\n{options}policy_file",
    )
    deployment.change("trove.conf", "control_exchange = trove\n", "")
    deployment.change(
        "trove.conf", "topics = notifications,fault_middleware\n", ""
    )

    assert set(deployment.troubles(paste=None)) == told


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ("notification_format = versioned\n", {"topic-of-the-format"}),
        ("notification_format = both\n", set()),
        ("notification_format = unversioned\n", set()),
        (
            "notification_format = versioned\nversioned_notifications_topics = fault_middleware\n",
            set(),
        ),
        (
            "notification_format = versioned\nversioned_notifications_topics = x\n",
            {"topic-of-the-format"},
        ),
    ],
)
def test_versioned_notifications_of_nova_have_topics_of_their_own(
    deployment, chosen, told
):
    deployment.change(
        "trove.conf", "policy_file", "profiles = nova\npolicy_file"
    )
    deployment.change("trove.conf", "control_exchange = trove\n", "")
    deployment.change(
        "trove.conf", "[DEFAULT]\n", f"[notifications]\n{chosen}[DEFAULT]\n"
    )

    assert set(deployment.troubles(paste=None)) == told


def test_an_exchange_that_the_service_sets_itself_is_not_asked_for(deployment):
    deployment.change("trove.conf", "control_exchange = trove\n", "")

    assert deployment.troubles() == {}


def test_a_port_that_another_program_has_is_told(deployment):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        deployment.change(
            "trove.conf", "policy_file", f"metrics_port = {port}\npolicy_file"
        )

        taken = deployment.troubles()

    assert set(taken) == {"metrics-port-taken"}
    assert deployment.troubles() == {}


def test_a_database_file_that_nobody_may_write_to_is_told(deployment):
    deployment.change(
        "trove.conf", "/faults.sqlite", "/faults.sqlite?mode=ro&uri=true"
    )
    deployment.change("trove.conf", "sqlite:///", "sqlite:///file:")

    troubles = deployment.troubles()

    assert set(troubles) == {"rights-missing"}
    assert "INSERT into instance_faults" in troubles["rights-missing"]
