"""What a check finds in a call, and the words for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a finding means for the call."""

    INVALID = "InvalidInputException"
    UNREADABLE = "SerializationException"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: where (member names and list positions), and what is wrong."""

    kind: Kind
    path: tuple[str | int, ...]
    text: str = ""
    value: str = ""

    @property
    def place(self) -> str:
        """The path as AWS writes it: `eventList.1.member.itemId`."""
        return ".".join(f"{p + 1}.member" if isinstance(p, int) else p for p in self.path)

    @property
    def field(self) -> str:
        """The path without list positions, the same for each element: `eventList.itemId`."""
        return ".".join(p for p in self.path if isinstance(p, str))


Findings = Sequence[Finding]
NOTHING: Findings = ()


def explain(findings: Findings) -> str:
    """Word the findings as one message, as AWS does."""
    errors = "error" if len(findings) == 1 else "errors"
    texts = (f"Value{f.value} at '{f.place}' failed to satisfy constraint: {f.text}"
             for f in findings)  # fmt: skip
    return f"{len(findings)} validation {errors} detected: {'; '.join(texts)}"
