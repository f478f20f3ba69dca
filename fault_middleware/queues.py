# SPDX-License-Identifier: Apache-2.0
"""The queues that notifications come from, by the settings and the profiles.

oslo.messaging names a queue by its topic and the priority of its notifications (``topic.info``),
or by the pool. The queue is bound to each exchange that a service publishes to.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from fault_middleware.options import Settings
from fault_middleware.profile import Profile

#: The topic that publishers name for us.
TOPIC = "fault_middleware"


@dataclasses.dataclass(frozen=True, slots=True)
class Queue:
    """A queue; two readers of the same one take each other's notifications.

    :ivar pool: the option's value, None for none
    """

    pool: str | None
    topic: str
    priority: str

    @property
    def name(self) -> str:
        """What the broker calls it."""
        return self.pool or f"{self.topic}.{self.priority}"


def topics(settings: Settings, profiles: Sequence[Profile]) -> list[str]:
    """The topics to read.

    What a deployer names is all. Otherwise it is our own, to which publishers are told to send.
    Who publishes to a topic in its code cannot be told that. But others may read that topic, too,
    and would lose what we take from it, so it is read only with a pool, which gets copies.
    """
    if settings.topics:
        return list(settings.topics)
    names: list[str] = []
    for profile in profiles:
        if not profile.topics:
            names.append(TOPIC)
        elif settings.pool is not None:
            names += profile.topics
    return list(dict.fromkeys(names)) or [TOPIC]


def unheard(
    settings: Settings, profiles: Sequence[Profile]
) -> Iterator[Profile]:
    """The profiles of services that publish to topics in their code, none of which is read."""
    read = topics(settings, profiles)
    for profile in profiles:
        if profile.topics and set(profile.topics).isdisjoint(read):
            yield profile


def exchanges(
    settings: Settings, profiles: Sequence[Profile], default: str
) -> list[str]:
    """The exchanges that services publish to.

    :param default: the configuration's ``control_exchange``
    """
    if settings.exchanges:
        return list(settings.exchanges)
    names = [default]
    for profile in profiles:
        names += profile.exchanges
    return list(dict.fromkeys(names))


def priorities(profiles: Sequence[Profile]) -> list[str]:
    """The priorities of all notifications that say something; empty if none does."""
    names = set[str]()
    for profile in profiles:
        names |= profile.priorities
    return sorted(names)


def queues(settings: Settings, profiles: Sequence[Profile]) -> list[Queue]:
    """The queues to read; none if no notification says something."""
    found = []
    for topic in topics(settings, profiles):
        for priority in priorities(profiles):
            found.append(Queue(settings.pool, topic, priority))
    return found
