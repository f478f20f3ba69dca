# SPDX-License-Identifier: Apache-2.0
import webtest

from fault_middleware import fault
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware
from tests.fixtures import INSTANCE, Service, close, make_store
from tests.healthchecks import ask

SHOW = f"/p1/instances/{INSTANCE}"


def test_all_is_well(configure, sqlite_url):
    store = make_store(sqlite_url)
    conf = configure(consumer="external")

    answer = ask(conf)

    assert answer.status_int == 200
    assert "fault_middleware: OK" in answer.text
    close(store)


def test_a_database_that_fails_is_reported_and_does_not_fail_the_api(
    configure,
):
    conf = configure(consumer="external")
    webtest.TestApp(FaultMiddleware(Service(), conf)).get(SHOW)

    answer = ask(conf)

    assert answer.status_int == 200
    assert "database (look-ups): faults are not shown" in answer.text
    assert "lookups_suspended=1" in answer.text
    close(deploy(conf).store)


def test_it_fails_the_api_where_the_deployer_wants_it(configure):
    conf = configure(consumer="external", health_matters="true")
    webtest.TestApp(FaultMiddleware(Service(), conf)).get(SHOW)

    assert ask(conf).status_int == 503
    close(deploy(conf).store)


def test_what_was_stored_is_counted(configure, sqlite_url):
    store = make_store(sqlite_url)
    conf = configure(consumer="external")
    row = fault.make("trove", INSTANCE, message="m", message_id="r1")
    deploy(conf).recorder.record([row, row], lambda seconds: True)

    text = ask(conf).text

    assert "faults_stored_total=1" in text
    assert "duplicates_total=1" in text
    close(deploy(conf).store)
    close(store)


def test_an_error_of_ours_is_reported_and_does_not_fail_the_api():
    # No configuration at all, which no service has.
    answer = ask(None)

    assert answer.status_int == 200
    assert "fault_middleware is in trouble" in answer.text
    assert "healthcheck: AttributeError" in answer.text
