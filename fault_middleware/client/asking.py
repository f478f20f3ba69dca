# SPDX-License-Identifier: Apache-2.0
"""All services of a cloud, asked side by side."""

import concurrent.futures
from collections.abc import Callable, Iterator, Sequence

from fault_middleware.client.cloud import AT_A_TIME, Answer, Cloud
from fault_middleware.client.refusals import (
    NotInCatalogError,
    RefusedError,
    SilentError,
)
from fault_middleware.client.resource import Resource


def ask(
    cloud: Cloud,
    wanted: Sequence[Resource],
    *,
    all_projects: bool,
    seconds: float | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Iterator[Answer]:
    """What the services answer, in the order of their answers.

    What the cloud does not have is left out. What refuses, or has not answered when the time is
    over, is an answer that has a refusal.

    :param seconds: to wait for all of them; default, until the last one has answered
    :param tell: called behind each answer with how many there are, and how many there will be
    """
    pool = concurrent.futures.ThreadPoolExecutor(AT_A_TIME)
    try:
        asked = {
            pool.submit(cloud.failed, kind, all_projects=all_projects): kind
            for kind in wanted
        }
        waiting = dict(asked)
        done = concurrent.futures.as_completed(asked, timeout=seconds)
        try:
            for number, future in enumerate(done, 1):
                kind = waiting.pop(future)
                if tell is not None:
                    tell(number, len(asked))
                answer = _answer(kind, future)
                if answer is not None:
                    yield answer
        except TimeoutError:
            for kind in waiting.values():
                late = SilentError(f"no answer within {seconds:.0f} s")
                yield Answer(kind, (), (), late)
    finally:
        # After a Ctrl-C, nobody waits for services that were not asked yet.
        pool.shutdown(wait=False, cancel_futures=True)


def _answer(
    kind: Resource, future: concurrent.futures.Future[Answer]
) -> Answer | None:
    """The answer of a service, or its refusal; None where the cloud does not have it."""
    try:
        return future.result()
    except NotInCatalogError:
        return None
    except RefusedError as exc:
        return Answer(kind, (), (), exc)
