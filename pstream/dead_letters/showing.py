"""Shows a document with the offending fields marked."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from forwarder.destinations import Destination
from forwarder.envelope import Envelope
from forwarder.outcomes import Rejected
from replayer.letters import Letter, Piece

Path = tuple[str | int, ...]

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_MOST_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a document, and where."""

    element: int | None
    field: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a shown document, and what is wrong there."""

    text: str
    note: str | None = None


def faults(letter: Letter, rejected: Iterable[Rejected]) -> list[Fault]:
    """Say what is wrong: as the dead letter has it, or else as the rules find now."""
    if isinstance(letter.form, Envelope):
        return [
            Fault(each.element, each.field, each.reason, each.detail)
            for each in letter.form.rejections
        ]
    return [Fault(each.element, each.field, each.reason, each.detail) for each in rejected]


def show(piece: Piece, wrong: Sequence[Fault], destination: Destination) -> Iterator[Line]:
    """Give the lines of a document, each fault at the line that it is about."""
    data = piece.document.data
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        yield from _plain(data, wrong)
        return
    notes: dict[Path, list[str]] = {}
    for fault in wrong:
        path, missing = _nearest(content, _path(content, fault, destination))
        text = f"{fault.reason}: {fault.detail}"
        if missing is not None:
            text = f"{missing} is absent: {text}"
        notes.setdefault(path, []).append(text)
    yield from _lines(content, (), "", "", notes)


def _plain(data: bytes, wrong: Sequence[Fault]) -> Iterator[Line]:
    """What is no JSON: as text, or as a literal where it is no text either."""
    for fault in wrong:
        yield Line("", f"{fault.reason}: {fault.detail}")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = repr(data[:_MOST_TEXT])
    if len(data) > _MOST_TEXT:
        text = f"{text[:_MOST_TEXT]} … {len(data):,} bytes in all; `export` writes them"
    yield from (Line(each) for each in text.splitlines())


def _path(content: Any, fault: Fault, destination: Destination) -> Path:
    steps = _STEP.findall(fault.field or "")
    path: Path = tuple(int(number) if number else name for number, name in steps)
    listed = isinstance(content, Mapping) and content.get(destination.entries) is not None
    if fault.element is not None and listed:
        return (destination.entries, fault.element, *path)
    return path


def _nearest(content: Any, path: Path) -> tuple[Path, str | None]:
    """The path as far as it exists, and the name of the step that does not."""
    for depth, step in enumerate(path):
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return path[:depth], str(step)
    return path, None


def _lines(
    value: Any, path: Path, head: str, tail: str, notes: Mapping[Path, Sequence[str]]
) -> Iterator[Line]:
    note = "; ".join(notes[path]) if path in notes else None
    indent = "  " * len(path)
    match value:
        case dict() if value:
            inner = [(name, f"{json.dumps(name, ensure_ascii=False)}: ") for name in value]
            ends = "{}"
        case list() if value:
            inner = [(place, "") for place in range(len(value))]
            ends = "[]"
        case _:
            text = json.dumps(value, ensure_ascii=False)
            yield Line(f"{indent}{head}{text}{tail}", note)
            return
    yield Line(f"{indent}{head}{ends[0]}", note)
    for count, (step, name) in enumerate(inner, start=1):
        comma = "," if count < len(inner) else ""
        yield from _lines(value[step], (*path, step), name, comma, notes)
    yield Line(f"{indent}{ends[1]}{tail}")
