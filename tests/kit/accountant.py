"""Knows every record put on a stream, and finds where each of its entries ended.

Each entry ends exactly once: stored by Personalize, among the rejected dead letters, among the
abandoned batches, or still in the stream. Redelivery may reach the same end again, which is told
apart from an entry that ended in two ways.

Pure: what was put and what was found are given. It shares no code with the forwarder, so a mistake
there is not repeated here.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Ledger:
    """What has to be known of a feed: the key of its entry list, and the id that an upsert has."""

    entries: str
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """One record as the producer put it: its bytes, and the documents packed in them."""

    stream: str
    shard: str
    sequence: str
    data: bytes
    documents: tuple[bytes, ...]

    @property
    def record(self) -> str:
        """What a record is called: its shard and its sequence number."""
        return f"{self.shard}:{self.sequence}"


@dataclass(frozen=True, slots=True)
class Letter:
    """One rejected document as the dead letters keep it; `elements` has None for all of it."""

    record: str
    document: int
    elements: tuple[int | None, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Abandoned:
    """One record of a batch that the mapping gave up."""

    record: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found in the end.

    Attributes:
        stored: The rows of the Personalize endpoint, each an entry with what its call shared.
        letters: The rejected dead letters.
        abandoned: The records of abandoned batches.
        waiting: The records past the mapping's checkpoint.
    """

    stored: Sequence[Mapping[str, Any]] = ()
    letters: Sequence[Letter] = ()
    abandoned: Sequence[Abandoned] = ()
    waiting: Collection[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One entry of a record: its place, the id that it is stored under, and what it says.

    Equal to itself only: two records may say the same.
    """

    record: str
    document: int
    element: int | None
    id: str | None
    content: Mapping[str, Any] | None

    def __str__(self) -> str:
        """Where it is, in the words of a derived `eventId`."""
        element = "" if self.element is None else f".{self.element}"
        return f"{self.record}#{self.document}{element}"


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What does not fit what was put, by name."""

    altered: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class Unbalanced(AssertionError):  # noqa: N818 - it says what the books are
    """An entry is missing, ended twice or was changed; the text lists them."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Where all entries ended, and what is wrong: empty but for `repeated` when all is well.

    `repeated` are entries that a redelivery brought to an end once more: the same dead letter
    again, or an abandoned record that was delivered before. Nothing is lost or counted twice.
    """

    records: int = 0
    entries: int = 0
    delivered: int = 0
    rejected: int = 0
    abandoned: int = 0
    waiting: int = 0
    missing: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()

    def check(self, *, redelivered: bool = False) -> Self:
        """Return the balance if it holds.

        Args:
            redelivered: Whether the test makes a redelivery reach the same end again.

        Raises:
            Unbalanced: It does not hold.
        """
        wrong = (
            "missing",
            "doubled",
            "altered",
            "unknown",
            *(() if redelivered else ("repeated",)),
        )
        found = [f"{name}: {_some(getattr(self, name))}" for name in wrong if getattr(self, name)]
        if found:
            raise Unbalanced("; ".join(found))
        return self


def balance(ledger: Ledger, puts: Iterable[Put], found: Found) -> Balance:
    """Find each entry of what was put among what was found."""
    puts = list(puts)
    entries = [entry for put in puts for entry in _entries(ledger, put)]
    wrong = _Wrong()
    by_record = {put.record: put for put in puts}
    lettered = Counter(_lettered(found.letters, by_record, entries, wrong))
    abandoned = Counter(_abandoned(found.abandoned, by_record, wrong))
    delivered = _delivered(ledger, entries, found.stored, lettered, wrong)
    marks: defaultdict[str, list[str]] = defaultdict(list)
    ended: Counter[str] = Counter()
    for entry in entries:
        ends = {
            "delivered": int(entry in delivered),
            "rejected": lettered[entry],
            "abandoned": abandoned[entry.record],
            "waiting": int(entry.record in found.waiting),
        }
        reached = [name for name, times in ends.items() if times]
        ended[reached[0] if reached else "missing"] += 1
        if not reached:
            marks["missing"].append(str(entry))
        elif reached[:2] == ["delivered", "rejected"]:
            marks["doubled"].append(str(entry))
        elif sum(ends.values()) > 1:
            marks["repeated"].append(f"{entry} {'+'.join(reached)}")
    return Balance(
        records=len(puts),
        entries=len(entries),
        delivered=ended["delivered"],
        rejected=ended["rejected"],
        abandoned=ended["abandoned"],
        waiting=ended["waiting"],
        missing=tuple(marks["missing"]),
        doubled=tuple(marks["doubled"]),
        altered=tuple(wrong.altered),
        unknown=tuple(wrong.unknown),
        repeated=tuple(marks["repeated"]),
    )


def _entries(ledger: Ledger, put: Put) -> Iterator[Entry]:
    for index, document in enumerate(put.documents):
        content = _object(document)
        listed = content.get(ledger.entries) if content else None
        if not isinstance(listed, list) or not listed:
            yield _entry(ledger, put, index, None, content)
            continue
        for place, element in enumerate(listed):
            known = element if isinstance(element, dict) else None
            yield _entry(ledger, put, index, place, known)


def _entry(
    ledger: Ledger, put: Put, index: int, place: int | None, content: Mapping[str, Any] | None
) -> Entry:
    entry = Entry(put.record, index, place, None, content)
    if content is None:
        return entry
    derived = f"{put.stream}/{entry}"
    given = content.get(ledger.identity) if ledger.identity else content.get("eventId") or derived
    identity = given if isinstance(given, str) else None
    return Entry(put.record, index, place, identity, content)


def _lettered(
    letters: Iterable[Letter],
    puts: Mapping[str, Put],
    entries: Iterable[Entry],
    wrong: _Wrong,
) -> Iterator[Entry]:
    """The entries that the dead letters hold, once for each time."""
    of_document: defaultdict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in entries:
        of_document[entry.record, entry.document].append(entry)
    for letter in letters:
        name = f"letter {letter.record}#{letter.document}"
        put = puts.get(letter.record)
        if put is None:
            wrong.unknown.append(name)
            continue
        whole = letter.document == 0 and letter.data == put.data
        known = letter.document < len(put.documents)
        if not whole and not (known and letter.data == put.documents[letter.document]):
            wrong.altered.append(name)
            continue
        of_all = whole and letter.elements == (None,)
        documents = range(len(put.documents)) if of_all else [letter.document]
        for index in documents:
            for entry in of_document[letter.record, index]:
                if None in letter.elements or entry.element in letter.elements:
                    yield entry


def _abandoned(
    abandoned: Iterable[Abandoned], puts: Mapping[str, Put], wrong: _Wrong
) -> Iterator[str]:
    """The abandoned records, once for each time."""
    for record in abandoned:
        put = puts.get(record.record)
        if put is None:
            wrong.unknown.append(f"abandoned {record.record}")
        elif put.data != record.data:
            wrong.altered.append(f"abandoned {record.record}")
        else:
            yield record.record


def _delivered(
    ledger: Ledger,
    entries: Sequence[Entry],
    stored: Iterable[Mapping[str, Any]],
    lettered: Mapping[Entry, int],
    wrong: _Wrong,
) -> Collection[Entry]:
    """The entries that are stored, and the older upserts that a stored one stands for."""
    of_id: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=_age):
        of_id[entry.id].append(entry)
    delivered = set[Entry]()
    rows = Counter[str]()
    for row in stored:
        name = row.get(ledger.identity or "eventId")
        candidates = of_id.get(name, [])
        rows[str(name)] += 1
        if name is None or not candidates or rows[str(name)] > 1:
            wrong.unknown.append(f"stored {name}")
            continue
        same = [place for place, entry in enumerate(candidates) if _says(row, entry)]
        if not same:
            wrong.altered.append(f"stored {name}")
            continue
        if ledger.identity is None:
            delivered.update(candidates)
            continue
        newest = same[-1]
        delivered.add(candidates[newest])
        delivered.update(each for each in candidates[:newest] if not lettered.get(each))
    return delivered


def _age(entry: Entry) -> int:
    return int(entry.record.rpartition(":")[2])


def _says(row: Mapping[str, Any], entry: Entry) -> bool:
    """Whether a stored row says what the entry says, in its ids and its properties."""
    content = entry.content or {}
    ids = [n for n, value in content.items() if n.endswith("Id") and value and n != "trackingId"]
    same = all(row.get(name) == content[name] for name in ids)
    return same and _properties(row) == _properties(content)


def _properties(entry: Mapping[str, Any]) -> object:
    given = entry.get("properties")
    return json.loads(given) if isinstance(given, str) else given


def _object(document: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(document)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + more
