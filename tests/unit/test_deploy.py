# SPDX-License-Identifier: Apache-2.0
import socket
import textwrap
import threading
import traceback
import uuid
from concurrent import futures

import pytest
import webtest
from oslo_config import cfg
from paste import deploy as paste_deploy

import fault_middleware
from fault_middleware import engines, fault, package_data
from fault_middleware.deploy import deploy
from fault_middleware.factories import FaultMiddleware, filter_factory
from fault_middleware.finite import Finite
from fault_middleware.options import ConfigurationError, list_opts
from tests.fixtures import (
    INSTANCE,
    PROJECT,
    Service,
    close,
    make_store,
    wait_until,
    write_configuration,
)


@pytest.fixture
def file(tmp_path, sqlite_url):
    return write_configuration(tmp_path / "trove.conf", sqlite_url)


def test_every_option_is_explained():
    for _, options in list_opts():
        assert all(option.help for option in options)


def test_secrets_are_marked_as_such():
    secret = {
        option.dest
        for _, group in list_opts()
        for option in group
        if option.secret
    }

    assert secret >= {"transport_url", "connection", "slave_connection"}


@pytest.mark.parametrize(
    "use",
    [
        "use = egg:fault_middleware",
        "paste.filter_factory = {package}:filter_factory",
    ],
)
def test_a_paste_pipeline_shows_the_fault(tmp_path, file, sqlite_url, use):
    store = make_store(sqlite_url)
    store.record([fault.make("trove", INSTANCE, message="No valid host")])
    ini = tmp_path / "api-paste.ini"
    ini.write_text(
        textwrap.dedent(f"""\
        [pipeline:main]
        pipeline = fault api

        [filter:fault]
        {use.format(package="fault_middleware")}
        oslo_config_project = trove
        oslo_config_file = {file}
        profiles = trove
        consumer = external
        credentials = headers

        [app:api]
        paste.app_factory = tests.unit.test_deploy:service_factory
        """)
    )

    app = webtest.TestApp(paste_deploy.loadapp(f"config:{ini}"))

    shown = app.get(f"/{PROJECT}/instances/{INSTANCE}").json
    assert shown["instance"]["fault"]["message"] == "No valid host"
    close(store)


def service_factory(global_conf):
    return Service()


def test_options_of_paste_win_over_those_of_the_file(configure):
    conf = configure(credentials="headers", topics="a,b", lookup_timeout="3")

    settings = deploy(
        conf, {"lookup_timeout": "0.5", "topics": "c, d"}
    ).settings

    assert settings.credentials == "headers"
    assert settings.lookup_timeout == 0.5
    assert settings.topics == ("c", "d")
    assert conf.fault_middleware.topics == ["a", "b"]


@pytest.mark.parametrize("text", ["nan", "-NaN", "inf", "-inf", "1e999"])
@pytest.mark.parametrize(
    "option",
    [
        option
        for option in list_opts()[0][1]
        if isinstance(option.type, Finite)
    ],
    ids=lambda option: option.dest,
)
def test_seconds_are_a_finite_number(configure, option, text):
    with pytest.raises(ConfigurationError, match=f"{option.dest} = '{text}'"):
        deploy(configure(), {option.dest: text})
    with pytest.raises(ConfigurationError, match=option.dest):
        deploy(configure(**{option.dest: text}))


@pytest.mark.parametrize(
    ("local", "message"),
    [
        (
            {"profile": "trove"},
            "api-paste.ini: profile = 'trove': .* no such option",
        ),
        ({"batch_size": "many"}, "api-paste.ini: batch_size = 'many': "),
        ({"batch_size": "0"}, "api-paste.ini: batch_size = '0': "),
        ({"consumer": "maybe"}, "api-paste.ini: consumer = 'maybe': "),
        ({"profiles": ""}, r"\[fault_middleware\] profiles is empty"),
        ({"profiles": "nothing"}, "there is no profile 'nothing'"),
        (
            {"profiles": "trove,trove"},
            "two profiles describe the service 'trove'",
        ),
    ],
)
def test_a_mistake_in_the_paste_file_is_named_at_start(file, local, message):
    with pytest.raises(ConfigurationError, match=message):
        filter_factory(
            {"__file__": "api-paste.ini"}, oslo_config_file=str(file), **local
        )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "",
            r"\[fault_middleware_database\] connection is not set in .*trove.conf",
        ),
        ("nonsense", "connection: is not a URL"),
        ("oracle://x/y", "connection: ModuleNotFoundError|use SQLite"),
        ("mariadb+pymysql://x/y", r"use .* MariaDB \(as mysql\)"),
        ("nothing://x/y", "connection: NoSuchModuleError"),
        ("sqlite://", "a database in memory"),
    ],
)
def test_a_database_that_cannot_work_is_named_at_start(tmp_path, url, message):
    file = write_configuration(tmp_path / "trove.conf", url)

    with pytest.raises(ConfigurationError, match=message):
        filter_factory({}, oslo_config_file=str(file))


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("/faults", id="no host"),
        pytest.param(":db.example.org/faults", id="a colon for the at sign"),
        pytest.param("%40db.example.org/faults", id="an escaped at sign"),
        pytest.param(":3306/faults", id="a port and no host"),
    ],
)
@pytest.mark.parametrize("option", ["connection", "slave_connection"])
def test_no_error_has_the_password_of_a_url_that_cannot_be_read(
    tmp_path, option, end
):
    url = f"mysql+pymysql://fault:Pa55w0rd{end}"
    options = {
        "connection": f"sqlite:///{tmp_path}/faults.sqlite",
        "slave_connection": None,
        option: url,
    }

    with pytest.raises(ConfigurationError, match=option) as caught:
        engines.check(options)

    told = "".join(traceback.format_exception(caught.value))
    assert "is not a URL" in told
    assert "Pa55w0rd" not in told


@pytest.mark.parametrize("value", ["many", "$many", "${many"])
def test_a_wrong_value_in_the_file_is_named_with_the_file(
    tmp_path, sqlite_url, value
):
    file = write_configuration(
        tmp_path / "trove.conf", sqlite_url, batch_size=value
    )

    with pytest.raises(
        ConfigurationError, match=r"trove.conf: \[fault_middleware\] batch"
    ):
        filter_factory({}, oslo_config_file=str(file))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no/such\.conf"):
        filter_factory({}, oslo_config_file=f"{tmp_path}/no/such.conf")


def test_a_project_without_a_file_is_named():
    with pytest.raises(
        ConfigurationError,
        match="project 'trov' has no file: there is no trov",
    ):
        filter_factory({}, oslo_config_project="trov")


def test_without_a_project_the_services_own_configuration_counts():
    with pytest.raises(ConfigurationError, match="no file was read"):
        filter_factory({})
    assert "fault_middleware" in cfg.CONF


def test_parts_are_made_once_for_a_configuration(configure):
    conf = configure()

    assert deploy(conf) is deploy(conf, {})
    assert deploy(conf) is not deploy(conf, {"lookup_timeout": "1"})


def test_filters_that_differ_in_an_option_share_what_does_not_depend_on_it(
    configure,
):
    topic = f"t{uuid.uuid4().hex}"
    conf = configure("[DEFAULT]\ntransport_url = fake://\n", topics=topic)
    patient = deploy(conf)
    hasty = deploy(
        conf,
        {"lookup_timeout": "1", "credentials": "headers"},
        "api-paste.ini",
    )
    before = set(threading.enumerate())

    for deployment in (patient, hasty):
        webtest.TestApp(deployment.filter(Service())).get("/")
    wait_until(lambda: patient.consumer.listening)

    started = [thread.name for thread in set(threading.enumerate()) - before]
    assert started.count("fault-consumer") == 1
    assert patient.consumer is hasty.consumer
    assert patient.metrics is hasty.metrics
    assert patient.store is not hasty.store
    assert patient.store is deploy(conf, {"credentials": "headers"}).store
    patient.consumer.close()


@pytest.mark.parametrize(
    ("name", "own", "first"),
    [("batch_size", "20", "10"), ("clear_on_success", "all", "operation")],
)
def test_an_option_of_a_shared_consumer_that_has_no_effect_is_told(
    configure, caplog, name, own, first
):
    conf = configure(batch_size="10")
    shared = deploy(conf).consumer

    mine = deploy(conf, {name: own}, "api-paste.ini")

    (line,) = caplog.messages
    assert line == (
        f"api-paste.ini: {name} has no effect: filters share a consumer, made with "
        f"{name} = {first}"
    )
    assert mine.consumer is shared


def test_a_service_without_paste_wraps_its_application(configure):
    conf = configure(
        "[DEFAULT]\ntransport_url = fake://", credentials="headers"
    )

    wrapped = FaultMiddleware(Service(), conf)

    assert webtest.TestApp(wrapped).get("/").json == Service().body


def test_building_opens_nothing_and_starts_no_thread(file, monkeypatch):
    started = []
    start = threading.Thread.start

    def note_and_start(thread):
        if (
            threading.current_thread() is threading.main_thread()
        ):  # not of another test
            started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", note_and_start)
    monkeypatch.setattr(
        socket.socket, "connect", lambda *args: started.append("connection")
    )

    filter_factory({}, oslo_config_file=str(file))(Service())

    assert started == []
    assert not (file.parent / "faults.sqlite").exists()


def test_the_package_exports_what_deployers_use():
    for name in fault_middleware.__all__:
        assert getattr(fault_middleware, name).__name__ == name
    with pytest.raises(AttributeError):
        fault_middleware.nothing  # noqa: B018


def test_a_password_in_the_wrong_place_is_not_told(configure):
    with pytest.raises(ConfigurationError) as caught:
        deploy(
            configure(),
            {"connection": "mysql+pymysql://u:TOPSECRET@y/z"},
            "api-paste.ini",
        )

    assert "api-paste.ini: connection = 'mysql+pymysql://u:***@y/z': " in str(
        caught.value
    )


def test_filters_that_would_take_each_others_notifications_are_refused(
    configure,
):
    conf = configure()
    deploy(conf, {"profiles": "trove"})

    with pytest.raises(
        ConfigurationError,
        match="ini: profiles: the filters for trove and nova would",
    ):
        deploy(conf, {"profiles": "nova"}, "api-paste.ini")
    deploy(conf, {"profiles": "nova", "topics": "fault_middleware_nova"})
    deploy(conf, {"profiles": "nova", "consumer": "external"})
    deploy(conf, {"profiles": "nova", "transport_url": "fake://other"})


def test_two_descriptions_of_one_service_at_the_same_queues_are_told(
    configure, tmp_path, caplog
):
    mine = tmp_path / "mine.yaml"
    mine.write_text(package_data.read("profiles/trove.yaml"))
    conf = configure()
    deploy(conf, {"profiles": "trove"})

    deploy(conf, {"profiles": str(mine)}, "api-paste.ini")

    assert "api-paste.ini: profiles: another filter reads" in caplog.text


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({"profiles": "trove"}, {"fault_middleware"}),
        # Something else may read that topic.
        ({"profiles": "masakari"}, {"fault_middleware"}),
        ({"profiles": "trove,masakari"}, {"fault_middleware"}),
        # A pool gets copies.
        (
            {"profiles": "masakari", "pool": "faults"},
            {"versioned_notifications"},
        ),
        (
            {"profiles": "trove,masakari", "pool": "faults"},
            {"fault_middleware", "versioned_notifications"},
        ),
        # What a deployer names is all.
        (
            {"profiles": "masakari", "topics": "versioned_notifications"},
            {"versioned_notifications"},
        ),
        (
            {"profiles": "trove,masakari", "topics": "a,b", "pool": "faults"},
            {"a", "b"},
        ),
    ],
)
def test_a_topic_that_a_service_has_in_its_code_is_not_taken_from_others(
    configure, options, read
):
    queues = deploy(configure(**options)).queues

    assert {queue.topic for queue in queues} == read


def test_a_pool_is_one_queue_whatever_the_topics(configure):
    conf = configure(pool="faults")
    deploy(conf, {"profiles": "trove", "topics": "one"})

    with pytest.raises(ConfigurationError, match="trove and nova would"):
        deploy(conf, {"profiles": "nova", "topics": "two"}, "api-paste.ini")


def test_filters_of_other_exchanges_both_start(configure):
    conf = configure()
    first = deploy(conf)

    second = deploy(conf, {"exchanges": "other"}, "api-paste.ini")

    assert second.consumer is not first.consumer


def test_threads_deploy_at_once(configure):
    conf = configure()
    with futures.ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: deploy(conf), range(64)))

    assert made == {deploy(conf)}
