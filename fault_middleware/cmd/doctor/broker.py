# SPDX-License-Identifier: Apache-2.0
"""Asks a RabbitMQ, as the listener would connect to it. Nothing is made or changed there."""

import dataclasses
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging._drivers import common, impl_rabbit

from fault_middleware.cmd.doctor import publishing
from fault_middleware.cmd.doctor.finding import Finding
from fault_middleware.cmd.doctor.findings import broker as findings
from fault_middleware.text import describe

#: Replies of AMQP.
REFUSED = 403
NOT_FOUND = 404
DIFFERENT = 406

_FILES = ("ssl_ca_file", "ssl_cert_file", "ssl_key_file")
# What a server does that waits for TLS.
_HANGS_UP = ("unexpectedly closed", "Connection reset", "Connection broken")
_TLS_PORT = 5671


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What the broker says of an exchange or a queue.

    :ivar reply: why it refuses, or 0 where it is as we would declare it
    :ivar messages: that no reader holds
    """

    reply: int = 0
    text: str = ""
    messages: int = 0
    readers: int = 0

    @property
    def is_less_durable(self) -> bool:
        """Whether what exists differs from what we want by being less: not durable."""
        return "received 'true' but current is 'false'" in self.text or (
            "received the value 'quorum'" in self.text
        )


class Link:
    """A connection to one host.

    :raises Exception: of any library on the way, when there is no connection
    """

    def __init__(
        self, conf: cfg.ConfigOpts, url: oslo_messaging.TransportURL
    ) -> None:
        transport = oslo_messaging.get_notification_transport(conf, url=url)
        driver = transport._driver
        # The listener's own way to connect, so with its TLS and its options; once.
        self._link = impl_rabbit.Connection(
            driver.conf, driver._url, common.PURPOSE_LISTEN, retry=0
        )

    @property
    def is_durable(self) -> bool:
        """Whether queues and exchanges are declared durable."""
        return bool(self._link.durable)

    def exchange(self, name: str) -> Answer:
        """Compare an exchange with what a listener would declare."""

        def declare(channel: Any, passive: bool) -> Any:
            channel.exchange_declare(
                name, passive=passive, type="topic", **self._options()
            )

        return self._declare(declare)

    def queue(self, name: str) -> Answer:
        """Compare a queue with what a listener would declare."""
        link = self._link
        arguments = impl_rabbit._get_queue_arguments(
            link.rabbit_ha_queues,
            0,
            link.rabbit_quorum_queue,
            link.rabbit_quorum_queue_config,
            False,
        )

        def declare(channel: Any, passive: bool) -> Any:
            return channel.queue_declare(
                name, passive=passive, arguments=arguments, **self._options()
            )

        return self._declare(declare)

    def look_into(self, name: str) -> Answer:
        """What is in a queue of whatever kind."""
        connection = self._link.connection
        try:
            found = connection.channel().queue_declare(name, passive=True)
        except connection.channel_errors as exc:
            return Answer(exc.reply_code, exc.reply_text)
        return Answer(
            messages=found.message_count, readers=found.consumer_count
        )

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def _options(self) -> dict[str, Any]:
        return {
            "durable": self._link.durable,
            "auto_delete": self._link.amqp_auto_delete,
        }

    def _declare(self, declare: Callable[[Any, bool], Any]) -> Answer:
        connection = self._link.connection
        answer = None
        text = ""
        reply = 0
        try:
            # A refusal closes the channel, so each gets its own.
            answer = declare(connection.channel(), True)
            # Of what exists, the declaration that a listener begins with changes nothing.
            declare(connection.channel(), False)
        except connection.channel_errors as exc:
            text = exc.reply_text
            reply = exc.reply_code
        if answer is None:
            return Answer(reply, text)
        return Answer(reply, text, answer.message_count, answer.consumer_count)


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no connection to a host."""

    exc: Exception


def connect(
    conf: cfg.ConfigOpts, url: oslo_messaging.TransportURL
) -> tuple[Link | None, list[Finding]]:
    """Try each host of a URL; a connection to one that answers, and what there is to say."""
    missing = list(_missing_files(conf, url))
    if missing:
        return None, missing
    hosts = publishing.place(url).hosts
    urls = list(_each_host(conf, url))
    with ThreadPoolExecutor(len(urls)) as pool:
        answers = list(pool.map(lambda alone: _try(conf, alone), urls))
    links = [answer for answer in answers if isinstance(answer, Link)]
    for link in links[1:]:
        link.close()
    found = []
    for host, alone, answer in zip(hosts, urls, answers, strict=True):
        if isinstance(answer, Link):
            found.append(findings.broker_well(host))
        elif links:
            found.append(
                findings.broker_host_unreachable(host, describe(answer.exc))
            )
        else:
            found.append(_explain(conf, host, alone, answer.exc))
    if not links:
        return None, found
    return links[0], found


def _each_host(
    conf: cfg.ConfigOpts, url: oslo_messaging.TransportURL
) -> Iterator[oslo_messaging.TransportURL]:
    if not url.hosts:
        yield url
    for host in url.hosts:
        yield oslo_messaging.TransportURL(
            conf, url.transport, url.virtual_host, [host], dict(url.query)
        )


def _try(
    conf: cfg.ConfigOpts, url: oslo_messaging.TransportURL
) -> Link | Failure:
    try:
        return Link(conf, url)
    except Exception as exc:
        return Failure(exc)


def _missing_files(
    conf: cfg.ConfigOpts, url: oslo_messaging.TransportURL
) -> Iterator[Finding]:
    driver = oslo_messaging.get_notification_transport(conf, url=url)._driver
    values = driver.conf.oslo_messaging_rabbit
    for option in _FILES:
        file = getattr(values, option)
        if values.ssl and file and not _is_readable(file):
            yield findings.broker_file_missing(option, file)


def _is_readable(file: str) -> bool:
    try:
        with Path(file).open("rb"):
            return True
    except OSError:
        return False


def _explain(
    conf: cfg.ConfigOpts,
    host: str,
    url: oslo_messaging.TransportURL,
    exc: Exception,
) -> Finding:
    """Why a host cannot be used."""
    text = describe(exc)
    if _came_of(exc, ssl.SSLCertVerificationError):
        return findings.broker_certificate(host, text)
    if _came_of(exc, ssl.SSLError):
        return findings.broker_without_tls(host, text)
    if type(exc).__name__ in ("AccessRefused", "NotAllowed"):
        return findings.broker_refused(host, text)
    uses_tls = conf.oslo_messaging_rabbit.ssl
    if not uses_tls and _seems_to_want_tls(url, exc):
        return findings.broker_with_tls(host, text)
    return findings.broker_unreachable(host, text)


def _seems_to_want_tls(
    url: oslo_messaging.TransportURL, exc: Exception
) -> bool:
    """Whether a server that was asked without TLS seems to wait for it."""
    if url.hosts and url.hosts[0].port == _TLS_PORT:
        return True
    text = str(exc)
    return any(words in text for words in _HANGS_UP)


def _came_of(exc: Exception, kind: type[Exception]) -> bool:
    """Whether an exception, or one that it came of, is of a kind."""
    return any(isinstance(cause, kind) for cause in _causes(exc))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """An exception and those that it came of."""
    seen: list[BaseException] = []
    cause: BaseException | None = exc
    while cause is not None and cause not in seen:
        yield cause
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
