"""From the bytes of a call to its entries, or to the service's refusal of the whole call."""

import copy
from dataclasses import dataclass
from typing import Any

import orjson

from local.personalize.answers import Answer, refuse
from local.personalize.findings import Finding, Findings, Kind, explain
from local.personalize.model import Operation

EVENT_LIMIT_BYTES = 10 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One element of a call's list, as JSON; `id` is absent from an event that names none."""

    id: str | None
    text: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that is valid as a whole: its entries, and what they share, as JSON."""

    target: str
    shared: bytes
    entries: tuple[Entry, ...]
    ignored: tuple[str, ...] = ()


def decode(body: bytes) -> Any:
    """Read the body; what is not JSON becomes None, which no operation accepts."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def target_of(operation: Operation, document: Any) -> str:
    """The tracker or dataset the call names, valid or not; empty if it names none."""
    named = document.get(operation.target) if isinstance(document, dict) else None
    return named if isinstance(named, str) else ""


def size_of(operation: Operation, document: Any) -> int:
    """How many entries the call carries, valid or not."""
    entries = document.get(operation.entries) if isinstance(document, dict) else None
    return len(entries) if isinstance(entries, list) else 0


def accept(operation: Operation, document: Any) -> Accepted | Answer:
    """Take the call as a whole or refuse it as a whole: one bad entry refuses its neighbours.

    Members the model does not know are dropped, as AWS drops them, but reported in `ignored`.
    """
    findings = operation.check(document)
    if refusal := _refusal(operation, findings):
        return refusal
    known = _without(document, findings) if findings else document
    entries = tuple(
        Entry(entry.get(operation.identity), orjson.dumps(entry))
        for entry in known[operation.entries]
    )
    if not operation.newest_wins and any(len(e.text) > EVENT_LIMIT_BYTES for e in entries):
        return _invalid(operation, f"An event must not exceed {EVENT_LIMIT_BYTES} bytes")
    shared = {name: known[name] for name in operation.shared if known.get(name) is not None}
    return Accepted(
        target=known[operation.target],
        shared=orjson.dumps(shared),
        entries=entries,
        ignored=tuple(finding.field for finding in findings),
    )


def _refusal(operation: Operation, findings: Findings) -> Answer | None:
    if unreadable := [f for f in findings if f.kind is Kind.UNREADABLE]:
        return refuse(400, Kind.UNREADABLE.value, unreadable[0].text)
    if invalid := [f for f in findings if f.kind is Kind.INVALID]:
        return _invalid(operation, explain(invalid))
    return None


def _invalid(operation: Operation, message: str) -> Answer:
    code = Kind.INVALID.value
    return refuse(operation.statuses[code], code, message)


def _without(document: Any, ignored: Findings) -> Any:
    known = copy.deepcopy(document)
    for finding in ignored:
        _drop(known, finding)
    return known


def _drop(document: Any, finding: Finding) -> None:
    *above, name = finding.path
    for step in above:
        document = document[step]
    del document[name]
