# SPDX-License-Identifier: Apache-2.0
"""The broker: its hosts, exchanges and queues."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words

# What to do where the options of [oslo_messaging_rabbit] and the broker differ. They are for all
# that a service does with the broker, so each of the ways has to leave the rest working.
_LESS = (
    "Nothing is changed on the broker by itself, so there are three ways. To leave all as it "
    "is: remove amqp_durable_queues and rabbit_quorum_queue from [oslo_messaging_rabbit]; they "
    "are for the service's RPC too, which fails with them on what exists. To have notifications "
    "apart: make a virtual host of their own and name it in transport_url of "
    "[oslo_messaging_notifications]; the options may stand behind it "
    "(?amqp_durable_queues=true), where they are for notifications alone. To have all durable: "
    "that is a migration of every service on this virtual host, in which all are stopped and "
    "its queues and exchanges deleted; the manual's page on queues has the steps."
)
_MORE = (
    "What runs was made with amqp_durable_queues = true, or with rabbit_quorum_queue = true. "
    "See what the configurations of the services that use this virtual host say in "
    "[oslo_messaging_rabbit], and write the same here. Do not delete what is there: they use it."
)
_ALLOW = (
    "Give the user permission, which takes nothing from others: rabbitmqctl set_permissions -p "
    "VHOST USER '.*' '.*' '.*'"
)
_START = (
    "Start the consumer: send the service a request, or run fault-middleware-consumer. Where a "
    "pool is set, the topic's own queue needs a reader too, or it fills the broker."
)


@finding.error
def broker_unreachable(host: str, error: str) -> Words:
    return Words(
        what=f"The broker at {host} cannot be reached: {error}",
        remedy=(
            "See whether it runs and this machine may connect. The URL is transport_url in "
            "[fault_middleware], else in [oslo_messaging_notifications], else in [DEFAULT]."
        ),
    )


@finding.warning
def broker_host_unreachable(host: str, error: str) -> Words:
    return Words(
        what=f"The broker at {host}, one of several, cannot be reached: {error}",
        remedy=(
            "See whether it runs, or take it out of transport_url. The others answer, so "
            "notifications go on; connecting may take longer."
        ),
    )


@finding.error
def broker_refused(host: str, error: str) -> Words:
    return Words(
        what=f"The broker at {host} refuses us: {error}",
        remedy=(
            "Correct the user, the password or the virtual host in transport_url, or give the "
            "user permission there: rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'"
        ),
    )


@finding.error
def broker_without_tls(host: str, error: str) -> Words:
    return Words(
        what=(
            f"With ssl = true the broker at {host} is asked for TLS, and does not speak it: "
            f"{error}"
        ),
        remedy=(
            "Name the port for TLS in transport_url (usually 5671), or set ssl = false in "
            "[oslo_messaging_rabbit], which then applies to the service's RPC too."
        ),
    )


@finding.error
def broker_with_tls(host: str, error: str) -> Words:
    return Words(
        what=f"The broker at {host} ends a connection without TLS before it begins: {error}",
        remedy=(
            "If this is its port for TLS (usually 5671), set ssl = true and ssl_ca_file in "
            "[oslo_messaging_rabbit], or name the plain port (usually 5672) in transport_url."
        ),
    )


@finding.error
def broker_certificate(host: str, error: str) -> Words:
    return Words(
        what=f"The certificate of the broker at {host} is not trusted: {error}",
        remedy=(
            "Let ssl_ca_file in [oslo_messaging_rabbit] name the certificate of its issuer, "
            "and transport_url name the host as the certificate does."
        ),
    )


@finding.error
def broker_file_missing(option: str, file: str) -> Words:
    return Words(
        what=(
            f"[oslo_messaging_rabbit] {option} names {file}, which cannot be read: {option} is "
            "needed to connect by TLS."
        ),
        remedy="Correct the name, or let the user of the service read the file.",
    )


@finding.warning
def broker_memory() -> Words:
    return Words(
        what=(
            "The transport fake:// does not leave a process. Notifications of other processes "
            "never arrive."
        ),
        remedy="Name a broker in transport_url, e.g. rabbit://USER:PASSWORD@HOST:5672/",
    )


@finding.skipped
def broker_unchecked(transport: str) -> Words:
    return Words(
        what=f"The broker was not checked: the doctor knows RabbitMQ, but not {transport}.",
        remedy="Make sure by other means that something reads the topics that are published to.",
    )


@finding.ok
def broker_well(host: str) -> Words:
    return Words(f"The broker at {host} answers.")


@finding.ok
def queue_not_durable(where: str) -> Words:
    return Words(
        f"Queues at {where} are not durable, which is oslo.messaging's default: what waits is "
        "lost when the broker restarts, and RabbitMQ 4.3 refuses such queues unless it is told "
        "otherwise. To change that is a migration of everything that uses them, which the "
        "manual's page on queues describes."
    )


@finding.warning
def exchange_missing(exchange: str, where: str) -> Words:
    return Words(
        what=(
            f"There is no exchange {exchange} at {where}: so far nobody has published or listened."
        ),
        remedy=(
            "Start the service and the consumer. If there still is none, the service has "
            "another control_exchange: name that in exchanges in [fault_middleware]."
        ),
    )


@finding.error
def exchange_less_durable(exchange: str, where: str, error: str) -> Words:
    return Words(
        what=(
            f"The exchange {exchange} at {where} exists and is not durable. This configuration "
            f"wants a durable one, so neither publishers nor the consumer can use it: {error}"
        ),
        remedy=_LESS,
    )


@finding.error
def exchange_more_durable(exchange: str, where: str, error: str) -> Words:
    return Words(
        what=(
            f"The exchange {exchange} at {where} exists and is durable. This configuration wants "
            f"one that is not: {error}"
        ),
        remedy=_MORE,
    )


@finding.error
def exchange_refused(exchange: str, where: str, error: str) -> Words:
    return Words(
        what=f"The broker does not let us use the exchange {exchange} at {where}: {error}",
        remedy=_ALLOW,
    )


@finding.error
def rpc_exchange_different(exchange: str, where: str, error: str) -> Words:
    return Words(
        what=(
            f"The options of [oslo_messaging_rabbit] do not fit the exchange {exchange} at "
            f"{where}, where the service does its RPC: {error}"
        ),
        remedy=_LESS,
    )


@finding.warning
def queue_missing(queue: str, where: str) -> Words:
    return Words(
        what=f"There is no queue {queue} at {where}: so far nobody has published or listened.",
        remedy=(
            "Start the consumer: restart the service and send it a request, or run "
            "fault-middleware-consumer. If another configuration is used there, look at that "
            "one."
        ),
    )


@finding.error
def queue_less_durable(queue: str, where: str, error: str) -> Words:
    return Words(
        what=(
            f"The queue {queue} at {where} is not as the consumer would make it, so the consumer "
            f"cannot listen: {error}"
        ),
        remedy=_LESS,
    )


@finding.error
def queue_more_durable(queue: str, where: str, error: str) -> Words:
    return Words(
        what=(
            f"The queue {queue} at {where} is durable, or of a different kind than the consumer "
            f"would make it, so the consumer cannot listen: {error}"
        ),
        remedy=_MORE,
    )


@finding.error
def queue_refused(queue: str, where: str, error: str) -> Words:
    return Words(
        what=f"The broker does not let us use the queue {queue} at {where}: {error}",
        remedy=_ALLOW,
    )


@finding.error
def queue_unread(queue: str, where: str, messages: str) -> Words:
    return Words(
        what=f"Nobody reads the queue {queue} at {where}, in which {messages}.",
        remedy=_START,
    )


@finding.warning
def queue_idle(queue: str, where: str) -> Words:
    return Words(
        what=f"Nobody reads the queue {queue} at {where}. No message waits there.",
        remedy=_START,
    )


@finding.error
def queue_shared(queue: str, where: str, readers: str, ours: str) -> Words:
    return Words(
        what=(
            f"The queue {queue} at {where} has {readers}, and only {ours} of them yours. The "
            "others take a part of the notifications."
        ),
        remedy=(
            "Find the others (rabbitmqctl list_consumers) and let them read a topic of their "
            "own, or name a pool in [fault_middleware]."
        ),
    )


@finding.ok
def queue_well(queue: str, where: str, readers: str, messages: str) -> Words:
    return Words(
        f"The queue {queue} at {where} has {readers}; {messages}. A message that a reader holds "
        "and has not acknowledged is not counted."
    )


@finding.warning
def topic_unread(queue: str, where: str, messages: str) -> Words:
    return Words(
        what=(
            f"This configuration publishes to the queue {queue} at {where}, in which {messages}, "
            "and nobody reads it: it grows for ever."
        ),
        remedy=(
            "If nobody is to read it, take its topic out of topics in "
            "[oslo_messaging_notifications], restart the service, and then delete the queue: "
            f"rabbitmqctl delete_queue {queue} (with -p and the virtual host). If a reader is "
            "only stopped, start it again."
        ),
    )
