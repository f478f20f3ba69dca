# SPDX-License-Identifier: Apache-2.0
import ast
import io
import logging

import pytest
from oslo_config import cfg
from oslo_log import formatters, log

from fault_middleware.health import Health, Label, Part
from fault_middleware.metrics import Reason, Site
from tests.documents import ROOT


class World:
    """The health of a process, and what was shown of it."""

    def __init__(self):
        self.shown = []
        self.health = Health(
            lambda part, value: self.shown.append((part, value))
        )

    def fail(self, part=Part.BROKER, exc=None):
        self.health.fails(part, "nothing comes", exc or OSError("no route"))


@pytest.fixture
def world(caplog, still_clock):
    caplog.set_level(logging.INFO, logger="fault_middleware")
    return World()


def lines(caplog):
    return [
        (record.levelname, record.getMessage()) for record in caplog.records
    ]


def test_a_failure_lasts_until_the_part_works(world, caplog):
    world.fail(exc=OSError("no route\nSELECT secret"))
    assert world.health.failures == {
        "broker": "nothing comes: OSError: no route"
    }

    world.health.works(Part.BROKER)
    world.health.works(Part.BROKER)

    assert world.health.failures == {}
    assert lines(caplog) == [
        ("ERROR", "broker: nothing comes: OSError: no route"),
        ("INFO", "broker: it works again"),
    ]


def test_a_failure_is_logged_once_a_minute_for_each_part(
    world, still_clock, caplog
):
    for seconds in (0, 1, 59.9, 60, 61, 119.9, 120):
        still_clock.now = seconds
        world.fail()
    assert len(lines(caplog)) == 3

    world.fail(Part.RETENTION)
    assert len(lines(caplog)) == 4


def test_a_failure_that_comes_again_is_logged_again(world, caplog):
    for _ in range(2):
        world.fail()
        world.health.works(Part.BROKER)

    assert [level for level, _ in lines(caplog)] == ["ERROR", "INFO"] * 2


def test_what_works_all_the_time_is_not_worth_a_line(world, caplog):
    world.health.works(Part.BROKER)

    assert lines(caplog) == []
    assert world.shown == [(Part.BROKER, 0)]


def test_what_has_not_begun_is_shown_as_failing_without_a_line(world, caplog):
    world.health.starting(Part.BROKER)

    assert world.shown == [(Part.BROKER, 1)]
    assert world.health.failures == {"broker": "it has not begun to work yet"}
    assert lines(caplog) == []


@pytest.mark.parametrize("label", [*Part, *Site, *Reason], ids=str)
def test_a_line_comes_from_a_module_that_tells_of_it(label: Label):
    module = label.logger.name.partition(".")[2]
    file = ROOT / f"fault_middleware/{module}.py"
    used = {
        ast.unparse(node) for node in ast.walk(ast.parse(file.read_text()))
    }

    assert str(label) in used or module == "metrics"


def test_oslos_formatter_adds_no_error_that_the_line_has_already(world):
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf([], default_config_files=[])
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatters.ContextFormatter(config=conf))
    Part.BROKER.logger.addHandler(handler)
    try:
        raise OSError("no route")
    except OSError as exc:
        world.fail(exc=exc)
    Part.BROKER.logger.removeHandler(handler)

    assert stream.getvalue().count("no route") == 1
