# SPDX-License-Identifier: Apache-2.0
import logging

import hypothesis
import pytest

pytest_plugins = ["tests.fixtures"]
# What it asserts is shown as in a test.
pytest.register_assert_rewrite(
    "tests.functional.cloud", "tests.functional.people"
)

# Other work on the machine makes no test fail.
hypothesis.settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def log():
    """Take away the handlers that a program hung into the log, whose streams end with the test."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers).difference(before):
        root.removeHandler(handler)
    root.setLevel(level)
    logging.getLogger("oslo_db").setLevel(logging.NOTSET)
