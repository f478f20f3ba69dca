# SPDX-License-Identifier: Apache-2.0
"""What lies in etc/ works, and says what the code says."""

import configparser
import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
from datetime import datetime

import pytest
import webtest
import yaml
from paste.deploy import loadapp
from prometheus_client.parser import text_string_to_metric_families

from fault_middleware import configuration, profile
from fault_middleware import deploy as deploy_module
from fault_middleware.cmd import textfile
from fault_middleware.deploy import deploy
from fault_middleware.filter import FaultFilter
from fault_middleware.metrics import Metrics
from tests import atlas, clients
from tests.documents import ROOT
from tests.fixtures import Service, close, parse, require, write_configuration

ETC = ROOT / "etc/fault_middleware"
FRAGMENTS = sorted((ETC / "api-paste").glob("*.ini"))
# These services have no paste file; their profiles are for FaultMiddleware(app, conf).
WITHOUT_PASTE = {"ironic", "octavia", "watcher"}
UNIT = ETC / "fault-middleware-consumer.service"
RULES = ETC / "prometheus-rules.yaml"
DASHBOARD = ETC / "grafana-dashboard.json"
GENERATORS = {
    "oslo-config-generator": "from oslo_config.generator import main as run",
    "oslopolicy-sample-generator": "from oslo_policy.generator import generate_sample as run",
}


@pytest.fixture
def regenerated(tmp_path):
    """Runs the command of a tox environment; what it writes, and what lies in etc/."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")

    def run(environment):
        program, *arguments = shlex.split(
            tox[f"testenv:{environment}"]["commands"]
        )
        script = f"{GENERATORS[program]}; import sys; run(sys.argv[1:])"
        (file,) = re.findall(
            r"output_file = (.*)", (ROOT / arguments[-1]).read_text()
        )
        command = [
            sys.executable,
            "-c",
            script,
            *arguments,
            "--output-file",
            tmp_path / "sample",
        ]
        subprocess.run(command, cwd=ROOT, check=True)
        return (tmp_path / "sample").read_text(), (ROOT / file).read_text()

    return run


def test_the_sample_of_the_configuration_is_of_this_code(regenerated):
    made, kept = regenerated("genconfig")

    # What is behind it is oslo.db's, of whatever release.
    ours = re.compile(r"\[fault_middleware\].*?(?=\n\[)", re.DOTALL)
    assert ours.search(made)[0] == ours.search(kept)[0], "run tox -e genconfig"
    assert "#connection =" in kept


def test_the_sample_of_the_policy_is_of_this_code(regenerated):
    made, kept = regenerated("genpolicy")

    assert made == kept, "run tox -e genpolicy"


def test_the_sample_of_the_configuration_can_be_used(sqlite_url, tmp_path):
    text = (ETC / "fault_middleware.conf.sample").read_text()
    file = tmp_path / "x.conf"
    file.write_text(
        text.replace("#connection = <None>", f"connection = {sqlite_url}")
    )

    assert deploy(parse(file)).settings.topics == ()
    close(deploy(parse(file)).store)


def stub_filter(global_conf):
    """A filter of the service, which lets everything pass."""
    return lambda application: application


def stub_app(global_conf):
    """The service."""
    return Service()


def pipelines(file):
    """The pipelines with our filter in a fragment, each as a list of names."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file)
    values = itertools.chain(
        *(section.values() for section in parser.values())
    )
    return [value.split() for value in values if "fault" in value.split()]


CASES = [
    pytest.param(file, names, id=f"{file.stem} {' '.join(names[-2:])}")
    for file in FRAGMENTS
    for names in pipelines(file)
]


@pytest.fixture
def home(tmp_path, monkeypatch, sqlite_url):
    """Where oslo.config finds the configuration of each service."""
    for file in FRAGMENTS:
        folder = tmp_path / f".{file.stem}"
        folder.mkdir()
        write_configuration(
            folder / f"{file.stem}.conf", sqlite_url, consumer="external"
        )
    monkeypatch.setenv("HOME", str(tmp_path))
    configuration.read.cache_clear()
    yield tmp_path
    configuration.read.cache_clear()


@pytest.mark.parametrize(("file", "names"), CASES)
def test_a_fragment_of_a_paste_file_makes_the_filter(file, names, home):
    service = file.stem
    *filters, app = names
    stubs = [
        f"[filter:{name}]\npaste.filter_factory = {__name__}:stub_filter\n"
        for name in filters
        if name != "fault"
    ]
    text = file.read_text()
    ini = home / "api-paste.ini"
    ini.write_text(
        f"[pipeline:main]\npipeline = {' '.join(names)}\n{''.join(stubs)}"
        f"[app:{app}]\npaste.app_factory = {__name__}:stub_app\n"
        f"{text[text.index('[filter:fault]') :]}"
    )

    made = loadapp(f"config:{ini}")

    assert isinstance(made, FaultFilter)
    assert webtest.TestApp(made).get("/").json == Service().body
    conf = configuration.read(service, None, None)
    (deployed,) = deploy_module.deployed(conf)
    assert [one.service for one in deployed.profiles] == [service]


@pytest.mark.parametrize(("file", "names"), CASES)
def test_in_a_fragment_the_filter_knows_the_caller(file, names):
    """It is behind whoever makes the caller known, where the pipeline has one."""
    place = names.index("fault")

    known = {
        "authtoken",
        "authorization",
        "keystonecontext",
        "contextwrapper",
        "context",
    }
    assert known & set(names[:place]) == known & set(names)
    assert "authtoken" in names or file.stem == "tacker"


def test_every_profile_of_a_service_with_a_paste_file_has_a_fragment():
    assert set(profile.shipped()) - WITHOUT_PASTE == {
        file.stem for file in FRAGMENTS
    }


@pytest.mark.parametrize("file", FRAGMENTS, ids=lambda file: file.stem)
def test_no_two_services_are_told_to_share_a_topic(file):
    service, text = file.stem, file.read_text()
    named = set(re.findall(r"topics = .*?(\w+)$", text, re.MULTILINE))

    # Trove has the default; of Masakari the topic cannot be chosen.
    if service == "trove" or not profile.load(service).priorities:
        assert named == set()
    elif service != "masakari":
        assert named == {f"fault_middleware_{service}"}
        assert (
            f"[fault_middleware] topics = fault_middleware_{service}\n" in text
        )


def test_the_readme_shows_the_fragment_for_trove():
    (names,) = pipelines(ETC / "api-paste/trove.ini")

    # Long lines of a paste file may be wrapped.
    readme = " ".join((ROOT / "README.rst").read_text().split())
    assert f"pipeline = {' '.join(names)} " in readme


def test_the_paste_file_of_the_metrics_shows_them(sqlite_url, tmp_path):
    conf = write_configuration(tmp_path / "x.conf", sqlite_url)
    ini = tmp_path / "metrics.ini"
    text = (ETC / "metrics.ini").read_text()
    ini.write_text(
        text.replace("config_project = trove", f"config_file = {conf}")
    )
    parts = deploy(configuration.read(None, str(conf), None))
    parts.metrics.stored.inc(3)

    shown = webtest.TestApp(loadapp(f"config:{ini}")).get("/metrics")

    assert "fault_middleware_faults_stored_total 3.0" in shown.text


def test_the_metrics_are_of_the_configuration_that_all_of_a_paste_file_has(
    sqlite_url, tmp_path
):
    conf = write_configuration(tmp_path / "x.conf", sqlite_url)
    ini = tmp_path / "metrics.ini"
    ini.write_text(
        f"[DEFAULT]\noslo_config_file = {conf}\n"
        "[app:main]\nuse = egg:fault_middleware#metrics\n"
    )
    parts = deploy(configuration.read(None, str(conf), None))
    parts.metrics.stored.inc(2)

    shown = webtest.TestApp(loadapp(f"config:{ini}")).get("/")

    assert "fault_middleware_faults_stored_total 2.0" in shown.text


def unit():
    """Each option of the unit with its values."""
    lines = re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE)
    return {
        name: [value for one, value in lines if one == name]
        for name, _ in lines
    }


def test_the_unit_starts_the_consumer():
    (command,) = unit()["ExecStart"]
    program, *arguments = shlex.split(command)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = setup["options.entry_points"]["console_scripts"]

    assert (
        f"{program.rpartition('/')[2]} = fault_middleware.cmd.consumer:run"
        in scripts
    )
    # It takes the arguments, but finds no such file: what RestartPreventExitStatus is about.
    module = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "fault_middleware.cmd.consumer",
    ]
    ended = subprocess.run(
        [*module, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert "Failed to find some config files" in ended.stderr
    assert [str(ended.returncode)] == unit()["RestartPreventExitStatus"]


@pytest.mark.parametrize("verb", ["verify", "security"])
def test_systemd_finds_nothing_wrong_in_the_unit(verb, tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        require("systemd", "systemd-analyze is not installed")
    file = tmp_path / UNIT.name
    file.write_text(
        UNIT.read_text().replace(
            "/usr/bin/fault-middleware-consumer", "/bin/true"
        )
    )
    how = {
        "verify": ["--man=no"],
        "security": ["--offline=true", "--threshold=15"],
    }[verb]

    ended = subprocess.run(
        [program, verb, *how, file], capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stdout
    assert ended.stderr == ""


def alarms():
    """The rules for Prometheus."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def exposed():
    """Every series that there can be: its name, its label and the label's values."""
    labels = {}
    for metric in Metrics().registry.collect():
        for sample in metric.samples:
            known = labels.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                known.setdefault(label, set()).add(value)
    return labels


def test_every_alarm_is_about_series_and_labels_that_exist():
    series = exposed()
    for rule in alarms():
        used = re.findall(
            r"(fault_middleware_\w+)(?:\{([^}]*)\})?", rule["expr"]
        )
        assert used, rule["alert"]
        for name, selector in used:
            for label, value in re.findall(
                r'(\w+)!?="([^"]*)"', selector or ""
            ):
                assert value in series[name][label], rule["alert"]
            assert name in series, rule["alert"]
        for label in re.findall(
            r"\$labels\.(\w+)", rule["annotations"]["summary"]
        ):
            assert any(label in series[name] for name, _ in used), rule[
                "alert"
            ]
            assert re.search(rf"by \([^)]*\b{label}\b", rule["expr"]), rule[
                "alert"
            ]


def test_every_series_has_an_alarm():
    text = "".join(rule["expr"] for rule in alarms())

    assert {
        name for name in exposed() if not name.endswith("_created")
    } == set(re.findall(r"fault_middleware_\w+", text))


# For each alarm what makes it fire: values of each minute, as promtool writes them, by series; of
# each ten minutes for what goes by days.
FIRING = {
    "FaultsNotShown": {"lookups_suspended": "1x60"},
    "FaultsWithoutReplica": {'failing{part="database (replica)"}': "1x60"},
    "FaultsNotStored": {'failing{part="database (storing)"}': "1x60"},
    "FaultsNotReceived": {'failing{part="broker"}': "1x60"},
    "FaultsLate": {"lag_seconds": "400x60", "faults_stored_total": "0+1x60"},
    "FaultsDropped": {'dropped_total{reason="unreadable"}': "0x30 1x30"},
    "FaultsWithoutAnInstance": {
        'dropped_total{reason="no instance"}': "0+6x180",
        "notifications_received_total": "0+10x180",
    },
    "FaultsInTheLogWithoutAnInstance": {
        'log_records_total{outcome="no instance"}': "0+6x180",
        'log_records_total{outcome="taken"}': "0+4x180",
    },
    "FaultsRetried": {"retries_total": "0+2x60"},
    "FaultsDuplicated": {
        "duplicates_total": "0+9x180",
        "faults_stored_total": "0+8x180",
    },
    "FaultsNotPurged": {'failing{part="retention"}': "1x400"},
    "FaultsPileUp": {
        "faults_stored_total": "0+20000x400",
        "faults_purged_total": "0+5000x400",
    },
    "FaultsNotReported": {'failing{part="notification driver"}': "1x60"},
    "FaultErrors": {'errors_total{site="filter"}': "0x50 1x10"},
    "FaultsNotCounted": {'failing{part="metrics"}': "1x60"},
}


def promtool(*arguments):
    program = shutil.which("promtool")
    if program is None:
        require(
            "promtool",
            "Prometheus, whose promtool checks rules, is not installed",
        )
    ended = subprocess.run(
        [program, *arguments], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_can_read_the_alarms():
    promtool("check", "rules", str(RULES))


@pytest.mark.parametrize("alarm", [rule["alert"] for rule in alarms()])
def test_an_alarm_fires_for_what_it_is_about_and_is_silent_otherwise(
    alarm, tmp_path
):
    def series(values):
        found = []
        for name, minutes in values.items():
            bare, brace, labels = name.partition("{")
            labels = (
                f'{{job="j",instance="i"{"," if brace else ""}{labels or "}"}'
            )
            found.append(
                {
                    "series": f"fault_middleware_{bare}{labels}",
                    "values": minutes,
                }
            )
        return found

    last = max(
        sum(map(int, re.findall(r"x(\d+)", one)))
        for one in FIRING[alarm].values()
    )
    step = 10 if alarm == "FaultsPileUp" else 1
    quiet = {
        f"{sample.name.removeprefix('fault_middleware_')}"
        + "".join(
            f'{{{label}="{value}"}}' for label, value in sample.labels.items()
        ): f"0x{last}"
        for metric in Metrics().registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }
    fires = f'count(ALERTS{{alertname="{alarm}",alertstate="firing"}})'
    cases = [
        {
            "interval": f"{step}m",
            "input_series": series(quiet | values),
            "promql_expr_test": [
                {
                    "expr": fires,
                    "eval_time": f"{last * step}m",
                    "exp_samples": samples,
                }
            ],
        }
        for values, samples in (
            (FIRING[alarm], [{"labels": "{}", "value": 1}]),
            ({}, []),
        )
    ]
    file = tmp_path / "test.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": f"{step}m",
                "tests": cases,
            }
        )
    )

    promtool("test", "rules", str(file))


def queries():
    """The queries of the dashboard, as Grafana sends them for all jobs, by panel and letter."""
    found = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$job", ".*")
            query = query.replace("$__rate_interval", "4m")
            found[f"{panel['title']}, {target['refId']}"] = query
    return found


def written(folder):
    """The figures that ``fault top`` writes to a file."""
    file = folder / "top.prom"
    row = {"service": "nova", "message": "No valid host was found."}
    numbers = {"count": 3, "instances": 2, "last": datetime(2026, 11, 28)}
    textfile.write(str(file), list(row), [{**row, **numbers}])
    return text_string_to_metric_families(file.read_text())


def counted(folder):
    """Each figure that we count, as it stands after some minutes of work."""
    found = []
    for metric in [*Metrics().registry.collect(), *written(folder)]:
        for sample in metric.samples:
            if sample.name.endswith("_created"):
                continue
            labels = {**sample.labels, "job": "j", "instance": "i"}
            inner = ",".join(f'{name}="{one}"' for name, one in labels.items())
            series = f"{sample.name}{{{inner}}}"
            found.append({"series": series, "values": "0+1x90"})
    return found


@pytest.mark.parametrize("is_there", [True, False])
def test_each_query_of_the_dashboard_finds_what_we_count(tmp_path, is_there):
    rules = []
    alerts = []
    for name, query in queries().items():
        rule = {"alert": name, "expr": f"absent({query})"}
        rules.append(rule)
        alerts.append(
            {
                "expr": f'count(ALERTS{{alertname="{name}"}})',
                "eval_time": "80m",
                "exp_samples": []
                if is_there
                else [{"labels": "{}", "value": 1}],
            }
        )
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "empty", "rules": rules}]})
    )
    case = {
        "interval": "1m",
        "input_series": counted(tmp_path) if is_there else [],
        "promql_expr_test": alerts,
    }
    file = tmp_path / "test.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]})
    )

    promtool("test", "rules", str(file))


def test_the_dashboard_shows_each_figure():
    shown = "\n".join(queries().values())

    for metric in Metrics().registry.collect():
        assert metric.name in shown


def test_the_page_on_coverage_says_what_the_tests_of_the_services_say():
    found = list(atlas.chapters())

    assert atlas.PAGE.read_text() == atlas.page(found), "python -m tests.atlas"
    assert atlas.PICTURE.read_text() == atlas.picture(found)


def test_what_ends_faults_is_said_of_failures_that_are_provoked():
    for chapter in atlas.chapters():
        provoked = {failure.name for failure in chapter.failures}
        assert set(chapter.endings) <= provoked


def test_the_page_on_clients_says_what_a_run_of_them_recorded():
    seen = json.loads(clients.RECORDED.read_text())

    assert clients.PAGE.read_text() == clients.page(seen), (
        "python -m tests.clients"
    )
    # Each command that is run has been.
    assert {name: tuple(one) for name, one in seen["printed"].items()} == (
        clients.COMMANDS
    )
