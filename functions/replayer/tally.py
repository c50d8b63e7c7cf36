"""A replay in numbers: what was planned, what was done, and what stays and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from replayer.act import Done
from replayer.fates import Fate
from replayer.plan import Step


@dataclass(frozen=True, slots=True)
class Stay:
    """A dead letter that stays, and why."""

    id: str
    feed: str
    why: str


@dataclass(slots=True)
class Tally:
    """One feed's plan in numbers, and what was done of it.

    Attributes:
        letters: Dead letters that were chosen.
        leaving: Those that leave once their records are on the stream.
        records: Records to put back.
        fates: How many entries have which fate.
        notes: What the operator should know.
        stays: Dead letters that stay.
        done: What was done; None where nothing was to be.
    """

    letters: int = 0
    leaving: int = 0
    records: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    done: Done | None = None

    def add(self, steps: Iterable[Step]) -> None:
        """Count a plan in."""
        for step in steps:
            self.letters += 1
            self.leaving += step.leaves
            self.records += len(step.puts)
            self.fates.update(step.fates)
            if step.contents.note and step.contents.note not in self.notes:
                self.notes.append(step.contents.note)
            if step.why is not None:
                self.stays.append(Stay(step.letter.id, step.letter.feed, step.why))

    @property
    def complete(self) -> bool:
        """Whether nothing that was chosen stays, and all that was to be done is done."""
        done = self.done
        return not self.stays and (done is None or done.letters == self.leaving)

    def counts(self) -> dict[str, Any]:
        """Write the numbers, without naming a dead letter."""
        return {
            "letters": self.letters,
            "leaving": self.leaving,
            "staying": len(self.stays),
            "records": self.records,
            "entries": {fate.value: self.fates[fate] for fate in Fate},
            "done": None if self.done is None else asdict(self.done),
        }

    def as_json(self) -> dict[str, Any]:
        """Write all of it, for scripts."""
        stays = [asdict(stay) for stay in self.stays]
        return {**self.counts(), "notes": self.notes, "stays": stays}
