# SPDX-License-Identifier: Apache-2.0
"""Looks at exchanges and queues on the broker: for the consumer, for publishers, and for RPC."""

import dataclasses
from collections.abc import Iterator

from fault_middleware import queues
from fault_middleware.cmd.doctor import broker, publishing
from fault_middleware.cmd.doctor.broker import Answer, Link
from fault_middleware.cmd.doctor.case import Case, Setup
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import broker as findings
from fault_middleware.cmd.doctor.publishing import Facts
from fault_middleware.options import ConfigurationError

# The priorities of oslo.messaging's notifiers, each of which has a queue of its own.
_PRIORITIES = ("audit", "debug", "info", "warn", "error", "critical", "sample")


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What to look at in one virtual host.

    :ivar where: the virtual host, for people
    :ivar exchanges: to compare
    :ivar expected: those of them that must exist once somebody published
    :ivar queues: that the consumer reads
    :ivar others: queues that publishers fill, and that somebody else has to read
    """

    where: str
    exchanges: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def look(case: Case) -> Iterator[Finding]:
    """Yield what is wrong on the broker."""
    setup = case.setup
    if not isinstance(setup, Setup) or not setup.priorities:
        return
    try:
        facts = publishing.gather(case, setup)
    except ConfigurationError:
        return  # which is said of the publishers
    if not publishing.needs_broker(setup, facts):
        return
    transport = facts.consumer.transport
    if transport == "fake":
        yield findings.broker_memory()
    elif transport != "rabbit":
        yield findings.broker_unchecked(transport)
    else:
        yield from _places(case, setup, facts)


def _places(case: Case, setup: Setup, facts: Facts) -> Iterator[Finding]:
    """Each virtual host that matters, once."""
    yield from _consumer(case, setup, facts)
    publishers = publishing.place(facts.publishers)
    if facts.are_apart and publishers.transport == "rabbit":
        yield from _publishers(case, facts)
    consumer = publishing.place(facts.consumer)
    rpc = publishing.place(facts.rpc)
    is_seen = rpc in (consumer, publishers)
    if not is_seen and facts.rpc.hosts and rpc.transport == "rabbit":
        yield from _rpc(case, facts)


def _consumer(case: Case, setup: Setup, facts: Facts) -> Iterator[Finding]:
    """Where the consumer reads, and where publishers usually publish."""
    link, found = broker.connect(case.conf, facts.consumer)
    yield from found
    if link is None:
        return
    settings = setup.settings
    names = _read_queues(setup)
    others = []
    if facts.is_messaging and not facts.are_apart:
        for name in _filled(facts):
            if name not in names:
                others.append(name)
    where = publishing.place(facts.consumer)
    wanted = Look(
        where=str(where),
        exchanges=facts.heard,
        expected=settings.exchanges or facts.exchanges,
        queues=tuple(names),
        others=tuple(others),
    )
    yield from _durability(link, wanted)
    yield from _exchanges(link, wanted)
    yield from _queues(link, wanted, settings.pool, case.given.readers)
    yield from _others(link, wanted)
    link.close()


def _read_queues(setup: Setup) -> list[str]:
    """The queues that the consumer reads or fills, each once, those that it reads first.

    A pool is bound to the topic's exchange; the topic's own queue gets each message too.
    """
    read = queues.queues(setup.settings, setup.profiles)
    names = []
    for queue in read:
        names.append(queue.name)
    for queue in read:
        plain = dataclasses.replace(queue, pool=None)
        names.append(plain.name)
    return list(dict.fromkeys(names))


def _publishers(case: Case, facts: Facts) -> Iterator[Finding]:
    """Where publishers publish, if that is elsewhere."""
    link, found = broker.connect(case.conf, facts.publishers)
    yield from found
    if link is None:
        return
    where = publishing.place(facts.publishers)
    others = tuple(_filled(facts))
    wanted = Look(str(where), exchanges=facts.exchanges, others=others)
    yield from _durability(link, wanted)
    yield from _exchanges(link, wanted)
    yield from _others(link, wanted)
    link.close()


def _rpc(case: Case, facts: Facts) -> Iterator[Finding]:
    """Where the service's RPC is: the same options hold there."""
    link, _ = broker.connect(case.conf, facts.rpc)
    if link is None:
        return
    where = str(publishing.place(facts.rpc))
    for name in facts.exchanges:
        answer = link.exchange(name)
        if answer.reply == broker.DIFFERENT:
            yield findings.rpc_exchange_different(name, where, answer.text)
    link.close()


def _filled(facts: Facts) -> list[str]:
    """The queues that publishers fill, by whatever they notify."""
    names = []
    for topic in facts.topics:
        for priority in _PRIORITIES:
            names.append(f"{topic}.{priority}")
    return names


def _durability(link: Link, wanted: Look) -> Iterator[Finding]:
    if not link.is_durable:
        yield findings.queue_not_durable(wanted.where)


def _exchanges(link: Link, wanted: Look) -> Iterator[Finding]:
    for name in wanted.exchanges:
        answer = link.exchange(name)
        if answer.reply == broker.NOT_FOUND:
            if name in wanted.expected:
                yield findings.exchange_missing(name, wanted.where)
        elif answer.reply:
            yield _exchange_refused(name, wanted.where, answer)


def _exchange_refused(name: str, where: str, answer: Answer) -> Finding:
    if answer.reply != broker.DIFFERENT:
        return findings.exchange_refused(name, where, answer.text)
    if answer.is_less_durable:
        return findings.exchange_less_durable(name, where, answer.text)
    return findings.exchange_more_durable(name, where, answer.text)


def _queues(
    link: Link, wanted: Look, pool: str | None, processes: int | None
) -> Iterator[Finding]:
    for name in wanted.queues:
        answer = link.queue(name)
        if answer.reply:
            yield _queue_refused(name, wanted.where, answer)
            continue
        ours = processes
        if pool is not None and name != pool:
            # Of a pool's plain queue the readers are others.
            ours = None
        yield _queue(name, wanted.where, answer, ours)


def _queue_refused(name: str, where: str, answer: Answer) -> Finding:
    if answer.reply == broker.NOT_FOUND:
        return findings.queue_missing(name, where)
    if answer.reply != broker.DIFFERENT:
        return findings.queue_refused(name, where, answer.text)
    if answer.is_less_durable:
        return findings.queue_less_durable(name, where, answer.text)
    return findings.queue_more_durable(name, where, answer.text)


def _queue(name: str, where: str, answer: Answer, ours: int | None) -> Finding:
    messages = _count(answer.messages, "message waits", "messages wait")
    readers = _count(answer.readers, "reader", "readers")
    if not answer.readers and answer.messages:
        return findings.queue_unread(name, where, messages)
    if not answer.readers:
        return findings.queue_idle(name, where)
    if ours is not None and answer.readers > ours:
        return findings.queue_shared(name, where, readers, str(ours))
    return findings.queue_well(name, where, readers, messages)


def _others(link: Link, wanted: Look) -> Iterator[Finding]:
    for name in wanted.others:
        answer = link.look_into(name)
        if answer.messages and not answer.readers:
            messages = _count(
                answer.messages, "message waits", "messages wait"
            )
            yield findings.topic_unread(name, wanted.where, messages)


def _count(number: int, singular: str, plural: str) -> str:
    noun = plural
    if number == 1:
        noun = singular
    return f"{number} {noun}"
