# SPDX-License-Identifier: Apache-2.0
"""What the tests with a real service have in common: the servers that it runs on."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.fixtures import new_database, relayed
from tests.functional import emitting
from tests.functional.cloud import Stand, running
from tests.functional.deployment import PEOPLE, Deployment
from tests.services import Broker, Relay


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests of a service write test data."""
    parser.addoption(
        "--keep-emitted",
        action="store_true",
        help="keep what the service emits as tests/data/SERVICE/emitted.json",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to keep what is emitted, where that is asked for."""
    if config.getoption("--keep-emitted", default=False):
        emitting.want()


@pytest.fixture(scope="module")
def run_service(
    broker: Broker,
    mariadb: str,
    postgresql: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., AbstractContextManager[Stand]]:
    """Runs a service as :func:`tests.functional.cloud.running` does, with databases of its own."""

    @contextlib.contextmanager
    def run(
        service: str,
        served: Callable[..., AbstractContextManager[Deployment]],
        people: Collection[str] = PEOPLE,
    ) -> Iterator[Stand]:
        folder = tmp_path_factory.mktemp(service)
        with (
            new_database(mariadb) as own,
            running(
                service,
                served,
                folder,
                database=own,
                faults=postgresql,
                broker=broker,
                people=people,
            ) as (deployment, store),
        ):
            yield Stand(deployment, store, own)

    return run


@pytest.fixture(scope="module")
def wire(mariadb: str) -> Iterator[Relay]:
    """A way to a database of its own, over which a service reaches it."""
    with new_database(mariadb) as own, relayed(own) as leading:
        yield leading
