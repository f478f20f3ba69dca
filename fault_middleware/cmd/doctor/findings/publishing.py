# SPDX-License-Identifier: Apache-2.0
"""What the configuration says of those who publish, beside what the consumer reads."""

from fault_middleware.cmd.doctor import finding
from fault_middleware.cmd.doctor.finding import Words


@finding.warning
def no_purge() -> Words:
    return Words(
        what=(
            "The profiles in use read no notifications, so no consumer runs, and nothing "
            "removes old faults as retention_days and max_faults_per_instance say."
        ),
        remedy=(
            "Let a timer run fault-middleware-manage fault purge, as the manual's page on the "
            "database shows. The doctor cannot see whether one does."
        ),
    )


@finding.error
def publisher_silent(drivers: str) -> Words:
    return Words(
        what=f"This configuration publishes no notifications: its driver is [{drivers}].",
        remedy=(
            "Set driver = messagingv2 in [oslo_messaging_notifications] of each process of the "
            "service that notifies, and restart it. If this file is the consumer's alone, give "
            "the service's too, with one more --config-file."
        ),
    )


@finding.error
def transport_wrong(error: str) -> Words:
    return Words(
        what=error,
        remedy="Correct the URL. The service itself may not start with it.",
    )


@finding.error
def publisher_level(option: str, service: str) -> Words:
    return Words(
        what=f"{service} publishes nothing: {option} is not set.",
        remedy=f"Set {option} = info in the service's configuration, and restart it.",
    )


@finding.error
def publisher_topic(missing: str, option: str, topics: str) -> Words:
    return Words(
        what=f"This configuration does not publish to what the consumer reads: {missing}.",
        remedy=(
            f"Set {option} = {topics} for each process of the service that notifies, and restart "
            "it. Name no topic there that nobody reads: its queue grows for ever."
        ),
    )


@finding.error
def topic_of_the_service(service: str, topics: str, read: str) -> Words:
    return Words(
        what=f"{service} publishes to {topics} alone, and the consumer does not read that.",
        remedy=(
            f"If nothing else reads that topic, set topics = {read} in [fault_middleware], and "
            "restart the consumer. If something else does, let a consumer with a configuration "
            "of its own, for this profile alone, read it with a pool, which gets copies. Do not "
            "set pool for the consumer that runs: its queues would not be read any more, and grow."
        ),
    )


@finding.error
def topic_of_the_format(published: str, read: str) -> Words:
    return Words(
        what=(
            f"With notification_format = versioned nova publishes to {published} alone, and the "
            f"consumer reads {read}."
        ),
        remedy=(
            f"Set versioned_notifications_topics = {published},{read} in [notifications], or set "
            "notification_format = unversioned, and restart nova. Name no topic there that nobody "
            "reads: its queue grows for ever."
        ),
    )


@finding.warning
def publisher_retry(retry: str) -> Words:
    return Words(
        what=f"A publisher gives up a notification when the broker is away (retry = {retry}).",
        remedy=(
            "Set retry = -1 in [oslo_messaging_notifications], which waits if a connection was "
            "open before; requests of the service wait with it. The driver fault_middleware "
            "needs no broker. Or accept that such faults are lost."
        ),
    )


@finding.error
def publisher_exchange(exchange: str, heard: str) -> Words:
    return Words(
        what=(
            f"This configuration publishes to the exchange {exchange}, and the consumer listens "
            f"to {heard}."
        ),
        remedy=(
            f"Add {exchange} to exchanges in [fault_middleware], or leave exchanges unset, and "
            "restart the consumer."
        ),
    )


@finding.error
def publisher_elsewhere(publishers: str, consumer: str) -> Words:
    return Words(
        what=(
            f"This configuration publishes to {publishers}, and the consumer reads from "
            f"{consumer}, which is another virtual host: no notification gets there."
        ),
        remedy=(
            "Let transport_url in [fault_middleware] lead to where they publish, or remove it: "
            "then the consumer takes transport_url of [oslo_messaging_notifications], or of "
            "[DEFAULT]. Restart the consumer. What waits in the queue there is read then."
        ),
    )


@finding.warning
def publisher_other_hosts(publishers: str, consumer: str) -> Words:
    return Words(
        what=(
            f"This configuration publishes to {publishers}, and the consumer reads from "
            f"{consumer}. The two name no host in common."
        ),
        remedy=(
            "Make sure that these are one cluster of brokers. If they are not, remove "
            "transport_url from [fault_middleware], and restart the consumer."
        ),
    )


@finding.warning
def topic_shared(topics: str) -> Words:
    return Words(
        what=(
            f"The consumer reads a topic that others may read too ({topics}). Each message "
            "reaches only one of those who read it: Ceilometer loses those that we get, we lose "
            "those that it gets."
        ),
        remedy=(
            "Leave topics in [fault_middleware] at fault_middleware and let the service publish "
            "there as well, or name a pool in [fault_middleware]. If nobody else reads the "
            "topic, leave it as it is."
        ),
    )


@finding.ok
def broker_not_needed() -> Words:
    return Words(
        "Faults are recorded by the notification driver fault_middleware, in the processes "
        "that notify. No broker is used, so none was checked."
    )


@finding.ok
def no_notifications() -> Words:
    return Words(
        "The profiles in use read no notifications, so no broker was checked."
    )


@finding.ok
def publishing_well(topics: str) -> Words:
    return Words(f"Publishers and consumer agree: {topics}.")
