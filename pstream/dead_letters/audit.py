"""One line for each act: who did what to which dead letters, and how many. Never a payload."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from replayer.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What is about to be done, by whom."""

    act: str
    stage: str
    feeds: tuple[str, ...]
    who: str
    selection: Selection
    options: Mapping[str, Any]


def line(act: Act, counts: Mapping[str, Any], outcome: str, at: datetime) -> str:
    """Write the line: JSON, with the filter's words and with counts.

    What documents are mended to is payload, so it is not in the options.
    """
    chosen = act.selection
    given = {
        "reasons": sorted(chosen.reasons) or None,
        "field": chosen.field,
        "since": chosen.since and chosen.since.isoformat(),
        "until": chosen.until and chosen.until.isoformat(),
        "ids": chosen.ids or None,
        "limit": chosen.limit,
    }
    return json.dumps(
        {
            "audit": f"dead-letters {act.act}",
            "at": at.isoformat(timespec="seconds"),
            "who": act.who,
            "stage": act.stage,
            "feeds": act.feeds,
            "filter": {name: value for name, value in given.items() if value is not None},
            "options": act.options,
            "counts": counts,
            "outcome": outcome,
        }
    )


def write(text: str, path: Path | None) -> None:
    """Add the line to a file, or else to what goes to stderr."""
    if path is None:
        print(text, file=sys.stderr)
        return
    with path.open("a", encoding="utf-8") as log:
        log.write(text + "\n")
