# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a deployment, and how to mend it.

Its parts are looked at here: each yields facts, changes nothing, and does not wait long. What they
mean, and what to do about it, stands in ``doctor.yaml``.
"""

import configparser
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import oslo_messaging
import sqlalchemy as sa
from oslo_config import cfg
from oslo_messaging._drivers import common, impl_rabbit

from fault_middleware import listener, migration, models, options, package_data, profile
from fault_middleware.masking import mask
from fault_middleware.metrics import Metrics
from fault_middleware.policy import Policy, Viewer
from fault_middleware.store import Store
from fault_middleware.text import describe

# Seconds: for an answer of the database, and for a part.
_PATIENCE, _LIMIT = 3.0, 10.0

_Facts = dict[str, Any]


def examine(conf: cfg.ConfigOpts, given: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield severity (``error``, ``warning``, ``ok``), code, what is so, and the remedy.

    :param given: the files ``paste`` and ``uwsgi``; ``readers``, how many processes of ours read
        each queue; each may be missing, or None. ``parts`` are those to look at; default, all
    """
    words = package_data.load("doctor.yaml")
    facts: _Facts = {**words["facts"], **given, "conf": conf}
    for check in _CHECKS:
        part, seen = check.__name__[1:], list[_Facts]()
        needed = words["needs"].get(part, ())
        if part not in facts["parts"] or any(facts.get(name) is None for name in needed):
            continue
        thread = threading.Thread(target=_look, args=(check, facts, seen), daemon=True)
        thread.start()
        thread.join(_LIMIT)
        if thread.is_alive():
            _fail(seen, TimeoutError(f"no end after {_LIMIT} seconds"))
        meanings: _Facts = words["parts"][part]
        found = [(code, one) for one in seen for code in _codes(meanings, {**facts, **one})]
        for code, one in found or [(f"{part}-well", seen[-1])]:
            meaning = (meanings | words["always"])[code]
            texts = {name: _text(value) for name, value in {**facts, **one, "part": part}.items()}
            what, remedy = (meaning.get(name, "").format_map(texts) for name in ("what", "remedy"))
            yield meaning["severity"], code, what, remedy


def _look(check: Any, facts: _Facts, seen: list[_Facts]) -> None:
    try:
        seen.extend(check(facts))
    except Exception as exc:
        _fail(seen, exc)


def _fail(seen: list[_Facts], exc: Exception) -> None:
    known, text = (seen or [{}])[-1], str(getattr(exc, "orig", exc))  # SQLAlchemy's has the SQL
    seen[-1:] = [{**known, "kind": type(exc).__name__, "error": text}]


def _codes(meanings: _Facts, facts: _Facts) -> list[str]:
    """What facts mean: the codes with a schema for each of the facts that matter to them."""

    def fits(when: _Facts) -> bool:
        validator = jsonschema.Draft202012Validator({"properties": when})
        return when.keys() <= facts.keys() and validator.is_valid(facts)

    codes = [code for code, meaning in meanings.items() if fits(meaning["when"])]
    return codes or ["check-failed"] * ("error" in facts)


def _text(value: object) -> str:
    return mask(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _configuration(facts: _Facts) -> Iterator[_Facts]:
    conf, paste, groups = facts["conf"], facts["paste"], options.list_opts()
    known = {f"[{group}] {one.dest}" for group, options in groups for one in options}
    for name in conf.config_file or ():
        text, sections = Path(name).read_text("utf-8", "replace"), dict[str, Any]()
        cfg.ConfigParser(name, sections).parse()
        given = {f"[{group}] {key}" for group in sections for key in sections[group]}
        unknown = sorted(one for one in given - known if one.startswith("[fault_middleware"))
        is_public = bool(Path(name).stat().st_mode & 0o004) and mask(text) != text
        yield {"file": name, "unknown": unknown, "is_public": is_public}
    parser = configparser.RawConfigParser(default_section="", strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(Path(paste).read_text("utf-8") if paste else "")
    except (OSError, ValueError, configparser.Error) as exc:
        yield {"unreadable": f"{paste}: {describe(exc)}"}
        facts["paste"] = None  # the rest is looked at without it
    lines = {one.partition(":")[2]: f"{one} {dict(parser[one])}" for one in parser.sections()}
    filters = [name for name, line in lines.items() if re.match(facts["our_filter"], line)]
    section = parser[f"filter:{filters[0]}"] if filters else {}
    if file := section.get("oslo_config_file"):
        yield {"theirs": file, "is_there": Path(file).exists()}
    local = {key: section[key] for key in section if not re.match(facts["no_option"], key)}
    settings = options.read_settings(conf, local, paste)
    profiles = [profile.load(name) for name in settings.profiles]
    priorities = sorted({name for one in profiles for name in one.priorities})
    facts |= vars(settings) | {"settings": settings, "loaded": profiles, "priorities": priorities}
    facts |= {"topics": list(settings.topics), "services": [one.service for one in profiles]}
    facts |= {"parser": parser, "lines": lines, "filters": filters}
    yield {"is_read": True}


def _database(facts: _Facts) -> Iterator[_Facts]:
    given = {**options.read_database_options(facts["conf"]), "slave_connection": None}
    store, url = Store(given, _PATIENCE), sa.make_url(given["connection"])
    needed = migration.newest() or ""
    told: _Facts = {"url": str(url), "needed": needed, "revision": None, "has_table": False}
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        yield told | {"revision": ""}  # connecting would make the file
        return
    yield {**told}
    with store.reader.connect() as connection:
        now = connection.scalar(sa.text(facts["clocks"][connection.dialect.name]))
        told["drift"] = round(abs(float(now) - time.time()), 1)
        told["has_table"] = sa.inspect(connection).has_table(models.instance_faults.name)
    revision = migration.version(store.reader) or ""
    yield told | {"revision": revision, "age": (revision > needed) - (revision < needed)}
    store.last("-", "-")
    store.reader.dispose()


def _policy(facts: _Facts) -> Iterator[_Facts]:
    conf, file = facts["conf"], facts["policy_file"]
    found = Policy(conf, file, facts["credentials"], Metrics())
    told = {"file": found.file, "is_missing": bool(file and not conf.find_file(file))}
    yield {**told}
    rules = found.read()
    ours = [name for name in rules.texts if name.startswith("fault_middleware:")]
    told["rules"] = [f"{name}: {rules.texts[name]!r} => {rules.check(name)}" for name in ours]
    told["undefined"] = [f"{name}: rule:{other}" for name, other in rules.undefined]
    for who, credentials in facts["callers"].items():
        seen = Viewer(rules, credentials, Metrics()).sees(dict(facts["instance"]))
        told[who] = facts["sights"][seen.show + seen.details]
    yield told


def _notifications(facts: _Facts) -> Iterator[_Facts]:
    conf, settings, profiles = facts["conf"], facts["settings"], facts["loaded"]
    url = listener.transport_url(conf, settings)
    driver = oslo_messaging.get_notification_transport(conf, url=url)._driver
    said, exchange = conf.oslo_messaging_notifications, conf.control_exchange
    missing = sorted({*settings.topics}.difference(said.topics))
    published = {name for one in profiles for name in one.exchanges}
    exchanges = sorted(settings.exchanges or {exchange, *published})
    hosts = [f"{one.hostname}:{one.port or 5672}" for one in url.hosts]
    told: _Facts = {"exchange": exchange, "heard": exchanges, "is_heard": exchange in exchanges}
    told |= {"drivers": said.driver, "retry": said.retry, "missing": missing}
    told["has_bounds"] = settings.retention_days + settings.max_faults_per_instance > 0
    yield told | {"transport": url.transport, "hosts": hosts}
    if not facts["priorities"] or url.transport != "rabbit":
        return
    # The listener's own way to connect, so with its TLS and its options; once.
    made = impl_rabbit.Connection(driver.conf, driver._url, common.PURPOSE_LISTEN, retry=0)
    yield {"hosts": hosts, "is_durable": bool(made.durable)}
    for name in exchanges:
        yield _ask(made, "exchange", name, type="topic")
    ha, limits = made.rabbit_ha_queues, made.rabbit_quorum_queue_config
    arguments = impl_rabbit._get_queue_arguments(ha, 0, made.rabbit_quorum_queue, limits, False)
    plain = [f"{topic}.{one}" for topic in settings.topics for one in facts["priorities"]]
    for name in filter(None, [settings.pool, *plain]):
        told = _ask(made, "queue", name, arguments=arguments)
        is_ours = facts["readers"] is not None and name == (settings.pool or name)
        yield told | {"others": told.get("consumers", 0) - facts["readers"] if is_ours else 0}
    made.close()


def _ask(made: Any, kind: str, name: str, **same: Any) -> _Facts:
    """What the broker says of an exchange or a queue."""
    same |= {"durable": made.durable, "auto_delete": made.amqp_auto_delete}
    told: _Facts = {kind: name}
    try:
        # A refusal closes the channel.
        answer = getattr(made.connection.channel(), f"{kind}_declare")(name, passive=True, **same)
        told |= dict(zip((kind, "messages", "consumers"), answer or (), strict=False))
        # Of what is there, the declaration that a listener begins with changes nothing.
        getattr(made.connection.channel(), f"{kind}_declare")(name, **same)
    except made.connection.channel_errors as exc:
        told |= {"reply": exc.reply_code, "text": exc.reply_text}
    return told


def _paste(facts: _Facts) -> Iterator[_Facts]:
    parser, lines, unused = facts["parser"], facts["lines"], {*facts["filters"]}
    pipelines = [parser[one] for one in parser.sections() if re.match(facts["pipeline"], one)]
    for key, value in (item for section in pipelines for item in section.items()):
        names = value.split()
        while len(names) > 1 and (inner := f"pipeline:{names[-1]}") in parser:
            names[-1:] = parser[inner]["pipeline"].split()
        for name in {*facts["filters"]}.intersection(names):
            unused.discard(name)
            place, about = names.index(name), [lines.get(one, one) for one in names]
            told = {"key": key, "pipeline": " ".join(names)}
            served = re.search(r"app_factory': '(\w+)", about[-1])
            shipped = {*profile.shipped()}.difference(facts["services"])
            told["other"] = sorted(shipped.intersection(served.groups() if served else ()))
            yield told | {"before": about[:place], "after": about[place + 1 :]}
    yield {"unused": sorted(unused)}


def _uwsgi(facts: _Facts) -> Iterator[_Facts]:
    yield {"lines": [*map(str.strip, Path(facts["uwsgi"]).read_text("utf-8").splitlines())]}


_CHECKS = (_configuration, _database, _policy, _notifications, _paste, _uwsgi)
