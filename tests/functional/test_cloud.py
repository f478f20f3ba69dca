# SPDX-License-Identifier: Apache-2.0
"""What people read of a cloud with the program that they use: a real Keystone, and ten real APIs.

A member of each of two projects, and an administrator, ask. In each service something of each
project has failed, and the direct call has recorded why. Needs all of them in the same virtualenv
(``tox -e cloud``).
"""

import concurrent.futures
import importlib.util
import json
import statistics
import subprocess
import sys
import time

import pytest

from tests.catalog import openstack
from tests.documents import ROOT
from tests.fixtures import require
from tests.functional.region import prints
from tests.functional.region.deployment import PROJECTS, served
from tests.functional.region.failed import WORDS

# The first test makes the tables of ten services, and starts them.
pytestmark = pytest.mark.timeout(900)
#: Masakari shows recoveries to administrators only.
MEMBERS = sorted(WORDS.keys() - {"masakari"})
#: How often each list is asked for where it is told how long it takes.
ROUNDS = 3
RC = """\
export OS_AUTH_URL={url}/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne
export OS_USERNAME={user} OS_PASSWORD=secret OS_USER_DOMAIN_ID=default
export OS_PROJECT_ID={project}
"""


@pytest.fixture(scope="module")
def region(mariadb, broker, tmp_path_factory):
    for name in ("keystone", *WORDS):
        if importlib.util.find_spec(name) is None:
            text = f"{name} is not installed; tox -e cloud has it"
            require("cloud", text)
    folder = tmp_path_factory.mktemp("region")
    with served(folder, mariadb=mariadb, broker=broker) as running:
        # The first look-up of a process connects. On a busy machine that may take longer than a
        # look-up may, and then the first list lacks a fault.
        ask(running, "admin", "fault", "list", "--all-projects")
        yield running


def ask(region, user, *arguments):
    """What the program prints, and how it ends."""
    project = {name: project for project, name in PROJECTS.items()}
    return openstack(
        region.keystone.url,
        *arguments,
        user=user,
        project=region.keystone.projects[project.get(user, "admin")],
    )


def listed(region, user, *arguments):
    """The rows of a list."""
    ended = ask(region, user, "fault", "list", "-f", "json", *arguments)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def side_by_side(call, items):
    """The answers to calls, two at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(call, items))


@pytest.mark.parametrize("project", PROJECTS)
def test_a_member_reads_what_failed_in_nine_services_and_nothing_of_others(
    region, project
):
    own = region.of(project)

    rows = listed(region, PROJECTS[project])

    read = {
        (row["Service"], row["Resource"], row["ID"], row["Message"])
        for row in rows
    }
    assert read == {
        (name, own[name].word, own[name].id, own[name].message)
        for name in MEMBERS
    }
    assert len(rows) == len(MEMBERS) == 9


def test_a_member_reads_no_details_and_an_administrator_does(region):
    member = listed(region, "alice", "--long")
    administrator = listed(region, "admin", "--long", "--all-projects")

    assert not any(row["Details"] for row in member)
    assert all("Traceback" in row["Details"] for row in administrator)


def test_an_administrator_reads_what_failed_in_all_projects(region):
    rows = listed(region, "admin", "--all-projects")

    read = {(row["Service"], row["ID"], row["Message"]) for row in rows}
    assert read == {
        (one.service, one.id, one.message) for one in region.failed
    }
    assert len(rows) == 2 * len(WORDS)


@pytest.mark.parametrize("by", ["name", "id"])
def test_show_has_a_fault_by_name_and_by_id(region, by):
    own = region.of("orders")

    def show(name):
        one = own[name]
        what = (one.word, getattr(one, by))
        return ask(region, "alice", "fault", "show", *what, "-f", "json")

    shown = side_by_side(show, MEMBERS)

    read = [json.loads(ended.stdout)["Message"] for ended in shown]
    assert read == [own[name].message for name in MEMBERS]


def test_show_has_nothing_of_another_project(region):
    others = region.of("billing")

    def show(name):
        what = (others[name].word, others[name].id)
        return ask(region, "alice", "fault", "show", *what)

    for ended in side_by_side(show, MEMBERS):
        assert ended.returncode == 1
        assert "billing" not in ended.stdout + ended.stderr


def test_show_has_the_history(region):
    volume = region.of("orders")["cinder"]

    def show(user):
        what = ("volume", volume.id, "--history", "-f", "json")
        ended = ask(region, user, "fault", "show", *what)
        return json.loads(ended.stdout)["History"]

    member, administrator = side_by_side(show, ["alice", "admin"])

    assert [entry["message"] for entry in member] == [volume.message]
    assert "details" not in member[0]
    assert administrator[0]["details"] == volume.details


def test_a_newcomer_gets_the_first_answer_in_two_commands(region, tmp_path):
    rc = tmp_path / "rc"
    project = region.keystone.projects["orders"]
    rc.write_text(
        RC.format(url=region.keystone.url, user="alice", project=project)
    )
    copy = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", ROOT, copy], check=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "v"], check=True)
    script = f"""
        . {tmp_path}/v/bin/activate
        . {rc}
        set -e
        pip install -q '.[client]' >&2
        openstack fault list
    """

    ended = subprocess.run(
        ["bash", "-c", script], cwd=copy, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stderr
    for name in MEMBERS:
        assert region.of("orders")[name].message in ended.stdout


def test_a_service_that_is_down_is_one_line_and_the_others_are_listed(region):
    own = region.of("orders")
    with region.away("trove"):
        ended = ask(region, "alice", "fault", "list", "-f", "json")

    assert ended.returncode == 0
    read = {row["Message"] for row in json.loads(ended.stdout)}
    assert read == {own[name].message for name in MEMBERS if name != "trove"}
    said = [line for line in ended.stderr.splitlines() if "database" in line]
    assert len(said) == 1
    assert said[0].startswith("database: ")


def test_what_each_client_prints_is_what_the_manual_says(region):
    assert prints.observe(region) == prints.recorded()


def test_how_long_the_list_takes_beside_that_of_one_service_is_told(
    region, capsys
):
    """Says how long; what is asserted is that everybody answers.

    One list is the slowest now and then by chance. So each is asked for several times, and its
    median counts.
    """
    took = {name: [] for name in ("all", *MEMBERS)}
    for _ in range(ROUNDS):
        for name, seconds in took.items():
            only = () if name == "all" else ("--service", name)
            begin = time.monotonic()
            rows = listed(region, "alice", *only)
            seconds.append(time.monotonic() - begin)
            assert len(rows) == (1 if only else len(MEMBERS))

    median = {
        name: statistics.median(seconds) for name, seconds in took.items()
    }
    all_of_them = median.pop("all")
    slowest = max(median, key=median.__getitem__)
    with capsys.disabled():
        print(
            f"\nfault list: {all_of_them:.2f} s; of {slowest} alone:"
            f" {median[slowest]:.2f} s; ratio {all_of_them / median[slowest]:.2f}"
        )
