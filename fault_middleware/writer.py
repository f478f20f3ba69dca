# SPDX-License-Identifier: Apache-2.0
"""The writer: stores faults in the background, in the process that had them.

The notification driver and the log handler hand over what they have found, and go on at once.  A
thread stores it, with the code of the consumer.
"""

import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Sequence

from fault_middleware.fault import Fault
from fault_middleware.metrics import Metrics, Reason, Site
from fault_middleware.process import call_at_end
from fault_middleware.recorder import Recorder

# Characters that may wait in memory.
_LONGEST_QUEUE = 16 * 2**20
# Seconds that what waits may delay the end of a process, and then what is being masked: Python
# ends the thread wherever it is, and within a library in Rust that aborts the process.
_LONGEST_STOP = 4.0
_LONGEST_TEXT = 1.0
# Seconds until the thread looks by itself: a green thread and another one cannot wake each other.
_GLANCE = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """Something to be stored.

    :ivar name: what it is, for the log
    :ivar size: its characters in memory
    :ivar rows: makes the faults, which may take time: masking does
    """

    name: str
    size: int
    rows: Callable[[], Sequence[Fault]]


class Writer:
    """A queue, and the thread that stores what is in it. Belongs to one process.

    :param batch_size: the most of the queue that is stored with one commit
    """

    def __init__(
        self, recorder: Recorder, metrics: Metrics, batch_size: int
    ) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._batch_size = batch_size
        self._queue: deque[Work] = deque()
        self._size = 0
        # Its lock may be taken again by the thread that has it: a signal handler, too, may notify
        # or log, and it runs in the middle of whatever its thread is doing.
        self._changed = threading.Condition(threading.RLock())
        self._ending = threading.Event()
        self._is_over = False
        # Before there is work, since a green thread runs until it waits before start() returns.
        self._thread = threading.Thread(
            None, self._run, "fault-writer", daemon=True
        )
        self._thread.start()
        call_at_end(self.end)

    @property
    def is_writing(self) -> bool:
        """Whether the calling thread is the one that stores."""
        return threading.current_thread() is self._thread

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be put."""
        return self._size > _LONGEST_QUEUE or self._ending.is_set()

    def put(self, work: Work) -> bool:
        """Have something stored; what finds no room is counted.

        :returns: whether it found room
        """
        with self._changed:
            if (
                self._ending.is_set()
                or self._size + work.size > _LONGEST_QUEUE
            ):
                has_room = False
            else:
                has_room = True
                self._size += work.size
                self._queue.append(work)
                self._changed.notify()
        if not has_room:
            self._metrics.drop(Reason.QUEUE_FULL, work.name)
        return has_room

    def _run(self) -> None:
        is_last = False
        while not is_last:
            with self._changed:
                if not self._queue and not self._ending.is_set():
                    self._changed.wait(_GLANCE)
            # If the end interrupts a try, there is one more.
            is_last = self._ending.is_set()
            self._store_all()

    def _store_all(self) -> None:
        size = self._batch_size
        while self._queue:
            batch = [
                self._queue[index]
                for index in range(min(size, len(self._queue)))
            ]
            try:
                rows: list[Fault] = []
                for work in batch:
                    if self._is_over:
                        return
                    rows += work.rows()
                if not self._recorder.record(rows, self._ending.wait):
                    return
            except Exception as exc:
                if len(batch) > 1:
                    # One by one, so that only what is wrong is lost, and each of it is counted.
                    size = 1
                    continue
                self._metrics.error(
                    Site.WRITER, f"{batch[0].name} is lost", exc
                )
            self._forget(batch)

    def _forget(self, batch: Sequence[Work]) -> None:
        with self._changed:
            for work in batch:
                self._queue.popleft()
                self._size -= work.size

    def end(self) -> None:
        """Store what waits, for some seconds; nothing more can be put."""
        with self._changed:
            self._ending.set()
            self._changed.notify()
        self._thread.join(_LONGEST_STOP)
        self._is_over = True
        self._thread.join(_LONGEST_TEXT)
        for work in list(self._queue):
            self._metrics.drop(Reason.PROCESS_ENDED, work.name)
