"""Which dead letters an operator means."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from replayer.letters import Letter


class NoSuchLetter(Exception):  # noqa: N818 - it says what is the case
    """An id that no dead letter has, or that several begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A filter; what it does not say, it does not ask.

    Attributes:
        reasons: Reasons, of which one must be the letter's.
        field: The field that was rejected.
        since: When the record became a dead letter, at the earliest.
        until: When it did, at the latest.
        ids: Ids, or their beginnings.
        limit: The most letters, the oldest first.
    """

    reasons: frozenset[str] = frozenset()
    field: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()
    limit: int | None = None

    def of(self, letters: Iterable[Letter]) -> list[Letter]:
        """Choose among letters; the oldest come first.

        Raises:
            NoSuchLetter: one of the ids is nobody's, or the beginning of several.
        """
        some = sorted(letters, key=lambda letter: (letter.at, letter.id))
        ids = {_whole(each, some) for each in self.ids}
        chosen = [each for each in some if self._matches(each) and (not ids or each.id in ids)]
        return chosen[: self.limit]

    def _matches(self, letter: Letter) -> bool:
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (self.field is None or letter.field == self.field)
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at <= self.until)
        )


def _whole(id_: str, letters: Sequence[Letter]) -> str:
    found = [letter.id for letter in letters if letter.id.startswith(id_)]
    if id_ in found:
        return id_
    if not found:
        raise NoSuchLetter(f"there is no dead letter with the id {id_}")
    if len(found) > 1:
        raise NoSuchLetter(f"{len(found)} dead letters begin with {id_}: give more of the id")
    return found[0]
