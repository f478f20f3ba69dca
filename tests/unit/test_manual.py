# SPDX-License-Identifier: Apache-2.0
"""Commands, options, log lines and alarms in the manual are those of the code."""

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from oslo_config import cfg
from oslo_messaging import opts as messaging_opts
from oslo_upgradecheck import upgradecheck

from fault_middleware import options
from fault_middleware.cmd.manage import Manage
from tests.documents import MANUAL, README, ROOT, blocks
from tests.fixtures import write_configuration

PAGES = [README, ROOT / "CONTRIBUTING.rst", *sorted(MANUAL.rglob("*.rst"))]
SECTIONS = {
    "prelude",
    "features",
    "issues",
    "upgrade",
    "deprecations",
    "critical",
} | {*("security", "fixes", "other")}
NAMED = [str(page.relative_to(ROOT)) for page in PAGES]
PROGRAM = re.compile(
    r"\bfault-middleware-(manage|consumer|status)((?: +[^`\n,;:)]+)?)"
)


def commands(page):
    """Every call of a program of ours: the program and its arguments."""
    found = []
    for block in [*blocks(page, "console"), *blocks(page, "shell")]:
        lines = block.replace("\\\n", " ")
        found += PROGRAM.findall(re.sub(r"(?m)^[#$] |^\.\.\.$", "", lines))
    for literal in re.findall(r"``([^`]+)``", page.read_text()):
        found += PROGRAM.findall(" ".join(literal.split()))
    return [(program, shlex.split(arguments)) for program, arguments in found]


def test_there_are_commands_in_the_manual():
    assert {program for page in PAGES for program, _ in commands(page)} == {
        "manage",
        "consumer",
        "status",
    }


@pytest.mark.parametrize("page", PAGES, ids=NAMED)
def test_the_programs_take_the_commands_of_the_manual(page, tmp_path):
    for program, arguments in commands(page):
        given = ["x" if one.endswith(".conf") else one for one in arguments]
        if program == "manage":
            check_manage(given)
        else:
            check_program(program, given, tmp_path)


def check_manage(arguments):
    """Parse a command, without running it."""
    app = Manage()
    options, remainder = app.parser.parse_known_args(arguments)
    if remainder:
        factory, name, rest = app.command_manager.find_command(remainder)
        parser = factory(app, options, name).get_parser(name)
        # In a sentence a command may go without its arguments.
        if rest:
            parser.parse_args(rest)


def check_program(program, arguments, folder):
    """Parse the arguments of a program whose parser is oslo.config's."""
    (folder / "x").write_text("")
    conf = cfg.ConfigOpts()
    if program == "status":
        upgradecheck.register_cli_options(conf, upgradecheck.UpgradeCommands())
        arguments = arguments or ["upgrade", "check"]
    given = [str(folder / one) if one == "x" else one for one in arguments]
    conf(given, default_config_files=[])


def test_every_program_is_in_the_manual():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    text = (MANUAL / "cli.rst").read_text()
    for line in (
        setup["options.entry_points"]["console_scripts"].strip().splitlines()
    ):
        name, _, target = (part.strip() for part in line.partition("="))
        assert f"\n{name}\n====" in text
        module = target.partition(":")[0].removesuffix(".program")
        assert f".. program-help:: {module}\n" in text
    assert ".. autoprogram-cliff:: fault_middleware.manage\n" in text


def test_every_command_is_in_the_table_of_the_manual_with_a_line():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    points = setup["options.entry_points"]
    commands = {
        f"fault-middleware-manage {line.partition(' =')[0].replace('_', ' ')}"
        for line in points["fault_middleware.manage"].strip().splitlines()
    }
    programs = {
        line.partition(" =")[0]
        for line in points["console_scripts"].strip().splitlines()
    }
    text = (MANUAL / "cli.rst").read_text()

    table = re.findall(r"   \* - ``([^`]+)``\n     - \S", text)

    assert set(table) == commands | programs - {
        "fault-middleware-manage",
        "fault-middleware-status",
    } | {"fault-middleware-status upgrade check"}


def test_the_answers_of_db_sync_in_the_manual_are_its_own(
    tmp_path, sqlite_url
):
    file = write_configuration(tmp_path / "x.conf", sqlite_url)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "fault_middleware.cmd.manage",
    ]
    command += ["--config-file", str(file), "db", "sync"]

    answer = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout

    shown = [
        block.partition("\n")[2]
        for page in PAGES
        for block in blocks(page, "console")
        if block.partition("\n")[0].endswith(" db sync")
    ]
    assert [text for text in shown if text] == [answer, answer]


@pytest.mark.parametrize("program", ["consumer", "status"])
def test_the_help_of_a_program_says_what_it_does(program):
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        f"fault_middleware.cmd.{program}",
        "--help",
    ]

    told = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout

    assert re.match(
        r"usage: fault-middleware-\w+ .*?\n\n\w+ [^\n]+\.\n\n", told, re.DOTALL
    )


def known_options():
    """The options by group that a snippet may set, ours and oslo.messaging's."""
    known = {}
    for group, found in [*options.list_opts(), *messaging_opts.list_opts()]:
        name = getattr(group, "name", group) or "DEFAULT"
        known.setdefault(name, set()).update(option.dest for option in found)
    known["DEFAULT"] |= {"transport_url"}
    # Nova's own.
    known["notifications"] = {
        "notification_format",
        "versioned_notifications_topics",
    }
    # Ironic's own.
    known["api"] = {"middleware"}
    return known


@pytest.mark.parametrize("page", PAGES, ids=NAMED)
def test_the_options_in_snippets_exist(page):
    known = known_options()
    for text in blocks(page, "ini"):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
        for section in parser.sections():
            if section in known:
                assert (
                    set(parser.options(section)) - set(parser.defaults())
                    <= known[section]
                )
            else:
                others = (
                    r"(pipeline|composite|filter|app):|(Unit|Service|Timer|Install)$"
                    r"|(handler|logger|formatter)(s$|_)"
                )
                assert re.match(others, section), section


@pytest.mark.parametrize("page", PAGES, ids=NAMED)
def test_the_settings_in_snippets_can_be_read(page, tmp_path):
    for number, text in enumerate(blocks(page, "ini")):
        if "[fault_middleware]" in text:
            file = tmp_path / f"{number}.conf"
            file.write_text(text)
            conf = cfg.ConfigOpts()
            conf([], default_config_files=[str(file)])
            options.register_opts(conf)
            options.read_settings(conf, {}, "")


def code():
    """The texts in the package, each as one line."""
    files = sorted((ROOT / "fault_middleware").rglob("*.py"))
    text = "\n".join(file.read_text() for file in files)
    # Adjacent literals are one text, formatted values are not part of it.
    joined = re.sub(r'"\s*\n\s*f?"', "", text)
    return " ".join(joined.replace('f"{_LISTEN_AGAIN} {pause', '"').split())


def test_the_log_lines_of_the_manual_are_in_the_code():
    text = code()
    lines = [
        " ".join(block.split())
        for block in blocks(MANUAL / "operations/troubleshooting.rst", "none")
    ]

    assert len(lines) > 10
    for line in lines:
        assert line in text, line


def test_every_alarm_is_explained_and_no_other():
    rules = yaml.safe_load(
        (ROOT / "etc/fault_middleware/prometheus-rules.yaml").read_text()
    )
    text = (MANUAL / "operations/watching.rst").read_text()
    section = text[
        text.index("\nAlarms\n") : text.index("What Prometheus does not see")
    ]

    explained = re.findall(r"^(\w+)\n   \S", section, re.MULTILINE)
    assert explained == [rule["alert"] for rule in rules["groups"][0]["rules"]]


def test_every_file_that_the_manual_names_is_there():
    for page in PAGES:
        found = re.findall(
            r"``((?:etc/fault_middleware|tests|\w+notes)/[\w./-]+)``",
            page.read_text(),
        )
        for name in found:
            assert (ROOT / name).exists(), f"{page}: {name}"


def test_every_tox_environment_that_is_named_is_there():
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    for page in PAGES:
        for name in re.findall(r"tox(?: -q)? -e ([\w-]+)", page.read_text()):
            assert name == "py" or f"testenv:{name}" in tox, f"{page}: {name}"


@pytest.mark.parametrize(
    "file", sorted((ROOT / "releasenotes/notes").glob("*.yaml")), ids=str
)
def test_release_notes_have_sections_that_reno_knows(file):
    assert set(yaml.safe_load(file.read_text())) <= SECTIONS
    assert re.search(r"-[0-9a-f]{16}$", Path(file).stem)


def test_the_manual_for_nova_changes_its_paste_file_as_the_sample_does():
    text = (MANUAL / "install/nova.rst").read_text()

    start = re.search(r":start-at: (.*)", text)[1]
    assert (
        start in (ROOT / "etc/fault_middleware/api-paste/nova.ini").read_text()
    )
