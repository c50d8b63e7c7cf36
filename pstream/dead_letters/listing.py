"""Counts dead letters by feed, reason, field and day: the first look on a bad day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from rich.table import Table

from replayer.letters import Letter

SHORT = 8
"""Characters of an id that tables show: enough for any command, unless two are the same."""


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters of one kind and day."""

    feed: str
    reason: str
    field: str | None
    day: date
    count: int
    oldest: Letter


def group(letters: Iterable[Letter]) -> list[Group]:
    """Group letters; the group with the oldest comes first."""
    of_key: dict[tuple[str, str, str | None, date], list[Letter]] = {}
    for letter in sorted(letters, key=lambda letter: (letter.at, letter.id)):
        key = (letter.feed, letter.reason, letter.field, letter.at.astimezone(UTC).date())
        of_key.setdefault(key, []).append(letter)
    return [Group(*key, len(found), found[0]) for key, found in of_key.items()]


def as_json(groups: Iterable[Group]) -> list[dict[str, Any]]:
    """Write groups for scripts."""
    return [
        {
            "feed": each.feed,
            "reason": each.reason,
            "field": each.field,
            "day": each.day.isoformat(),
            "count": each.count,
            "oldest": letter_as_json(each.oldest),
        }
        for each in groups
    ]


def letter_as_json(letter: Letter) -> dict[str, Any]:
    """Write what a message tells about itself, without its document."""
    return {
        "id": letter.id,
        "feed": letter.feed,
        "kind": letter.kind,
        "reason": letter.reason,
        "field": letter.field,
        "detail": letter.detail,
        "at": letter.at.isoformat(),
    }


def table_of_groups(groups: Sequence[Group]) -> Table:
    """Lay groups out for a terminal."""
    table = Table("feed", "reason", "field", "day", box=None, pad_edge=False)
    table.add_column("count", justify="right")
    table.add_column("the oldest one")
    for each in groups:
        table.add_row(
            each.feed,
            each.reason,
            each.field or "",
            each.day.isoformat(),
            f"{each.count:,}",
            f"{each.oldest.id[:SHORT]}  {each.oldest.detail}",
        )
    return table


def table_of_letters(letters: Iterable[Letter]) -> Table:
    """Lay single letters out for a terminal."""
    table = Table("id", "feed", "at", "reason", "field", "detail", box=None, pad_edge=False)
    for each in letters:
        at = each.at.astimezone(UTC).isoformat(sep=" ", timespec="seconds")
        at = at.removesuffix("+00:00")
        table.add_row(each.id[:SHORT], each.feed, at, each.reason, each.field or "", each.detail)
    return table
