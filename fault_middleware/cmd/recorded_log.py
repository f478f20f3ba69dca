# SPDX-License-Identifier: Apache-2.0
"""A log file of a service, read as far as a file can tell what a log record was.

It is for trying a profile.  A file has no local variables, so the instance that a rule finds in
one is not known here.
"""

import dataclasses
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from fault_middleware import exception
from fault_middleware.chain import Cause
from fault_middleware.log_record import Call, Failure

# How oslo.log writes a line: with its own format for contexts, or with that for lines without one.
_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\S* (?P<process>\d+) (?P<level>[A-Z]+) "
    r"(?P<logger>[\w.]+) (?:\[(?P<context>[^]]*)\] )?(?P<text>.*)",
    re.ASCII,
)
_INSTANCE = re.compile(r"\[instance: [\da-f-]+\]")
_RESOURCE = re.compile(r"\[\w+-[\da-f-]{36}\]")
_FRAME = re.compile(r'^ *File "([^"]+)", line \d+, in (\S+)', re.MULTILINE)
_PACKAGES = re.compile(r".*(?:site|dist)-packages/")


@dataclasses.dataclass(frozen=True)
class RecordedSighting:
    """What a file tells of a record; the same to a rule as a record that is being logged.

    :ivar names: the classes of its exception; none where it has none
    :ivar trace: the traceback, or ""
    """

    record: logging.LogRecord
    context: Mapping[str, str]
    names: tuple[str, ...]
    trace: str
    created: datetime

    @property
    def exception_names(self) -> Sequence[str]:
        return self.names

    def calls(self, modules: re.Pattern[str]) -> Sequence[Call]:
        """The functions that the exception came through, without their variables."""
        found = []
        for path, function in _FRAME.findall(self.trace):
            module = (
                _PACKAGES.sub("", path).removesuffix(".py").replace("/", ".")
            )
            if modules.fullmatch(module):
                found.append(Call(module, function, {}))
        return found

    def failure(self, instance_id: str, modules: re.Pattern[str]) -> Failure:
        """What the record says, as far as the file has it."""
        calls = self.calls(modules)
        causes: tuple[Cause, ...] = ()
        if self.names:
            causes = (Cause(self.names[0], "", self.names),)
        return Failure(
            instance_id=instance_id,
            logger=self.record.name,
            created=self.created,
            text=self.record.getMessage(),
            sources=(
                self.record.name,
                *(f"{call.module}.{call.function}" for call in calls),
            ),
            causes=causes,
            trace=self.trace,
            request_id=self.context.get("request_id"),
            project_id=self.context.get("project_id"),
        )


def read(lines: Iterable[str]) -> Iterator[RecordedSighting]:
    """The records of a log file, in their order; lines before the first one are left out."""
    first: re.Match[str] | None = None
    rest: list[str] = []
    for line in lines:
        match = _LINE.match(line.rstrip("\n"))
        if match is None:
            rest.append(line.rstrip("\n"))
        elif first is not None and _goes_on(first, match):
            rest.append(match["text"])
        else:
            if first is not None:
                yield _sighting(first, rest)
            first = match
            rest = []
    if first is not None:
        yield _sighting(first, rest)


def _goes_on(first: re.Match[str], line: re.Match[str]) -> bool:
    """Whether a line belongs to the record before it: oslo.log begins each line of a traceback."""
    if line["context"] is not None:
        return False
    return all(
        first[name] == line[name]
        for name in ("time", "process", "level", "logger")
    )


def _sighting(first: re.Match[str], rest: Sequence[str]) -> RecordedSighting:
    text = first["text"]
    level = logging.getLevelNamesMapping().get(first["level"], logging.INFO)
    record = logging.LogRecord(first["logger"], level, "", 0, text, (), None)
    instance = _INSTANCE.search(text)
    if instance is not None:
        record.instance = instance[0]
    resource = _RESOURCE.search(text)
    if resource is not None:
        record.resource = resource[0]
    trace = "\n".join(rest)
    raised = exception.raised_last(trace)
    names: tuple[str, ...] = ()
    if raised is not None:
        names = (raised.names[0], raised.label)
    created = datetime.fromisoformat(first["time"])
    return RecordedSighting(
        record, _context(first["context"]), names, trace, created
    )


def _context(text: str | None) -> dict[str, str]:
    """The request, user and project, which oslo.log writes in this order."""
    words = (text or "").split()
    for number, word in enumerate(words):
        if word.startswith("req-"):
            values = dict(
                zip(
                    ("request_id", "user_id", "project_id"),
                    words[number:],
                    strict=False,
                )
            )
            return {
                name: value for name, value in values.items() if value != "-"
            }
    return {}
