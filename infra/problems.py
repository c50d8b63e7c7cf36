"""What is wrong with a stage file, said so that it can be put right without reading code.

Every message has the same shape: file, key, the kind of value found, and what is wanted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches

DATASET_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):personalize:(?P<region>[a-z0-9-]+):(?P<account>\d{12})"
    r":dataset/(?P<group>[A-Za-z0-9_-]+)/(?P<kind>[A-Z_]+)"
)
STREAM_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):kinesis:(?P<region>[a-z0-9-]+):(?P<account>\d{12})"
    r":stream/(?P<name>[A-Za-z0-9_.-]+)"
)
_ANY_ARN = re.compile(r"arn:[a-z-]+:(?P<service>[a-z0-9-]+):[^:]*:[^:]*:(?P<resource>.+)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right, at one key."""

    key: str
    got: str
    wants: str

    def __str__(self) -> str:
        return f"{self.key}: got {self.got}, wants {self.wants}"


class StageError(Exception):
    """The stage cannot be deployed: the message names the file and every problem in it."""

    def __init__(self, file: str, *problems: Problem | str) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))


def kind(value: object) -> str:  # noqa: PLR0911 # one line for each kind of value
    """Say what `value` is, in the words of the stage file."""
    match value:
        case bool():
            return f"a boolean ({str(value).lower()})"
        case int() | float():
            return f"a number ({value})"
        case str():
            return f'{_kind_of_text(value)} (string "{value}")'
        case date() | time():
            return f"a date or time ({value})"
        case Mapping():
            return f"a table (keys: {', '.join(value) or 'none'})"
        case list() | tuple():
            return f"an array of {len(value)}"
    return f"a {type(value).__name__}"


def _kind_of_text(value: str) -> str:
    if dataset := DATASET_ARN.fullmatch(value):
        return f"the ARN of an {dataset['kind']} dataset"
    if STREAM_ARN.fullmatch(value):
        return "the ARN of a Kinesis stream"
    if arn := _ANY_ARN.fullmatch(value):
        resource = re.split("[:/]", arn["resource"])[0]
        return f"the ARN of another kind ({arn['service']}, {resource})"
    if _UUID.fullmatch(value):
        return "a tracking id"
    if value.startswith(("http://", "https://")):
        return "a URL"
    return "text" if value else "an empty text"


def unknown(word: str, known: Mapping[str, object]) -> str:
    """Say which of `known` may stand in place of `word`, the likely one first."""
    likely = get_close_matches(word, known, n=1)
    meant = f'"{likely[0]}" perhaps; ' if likely else ""
    return f"{meant}known here: {', '.join(known)}"
