"""The figures of the endpoint: what was asked, what became of it, what is stored."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from local.personalize.answers import THROTTLED
from local.personalize.harm import BEFORE

ANSWERED_BY_FAULTS = frozenset(action.value for action in BEFORE)


def summarise(
    calls: Iterable[Mapping[str, Any]],
    entries: Iterable[Mapping[str, Any]],
    newest_wins: Mapping[str, bool],
    injected: Mapping[str, int],
) -> dict[str, Any]:
    """Fold the counted rows into one report by operation and target.

    `calls` = `accepted` + `refused` + `throttled` + calls a fault kept from being judged;
    `faulted` counts every call that met a fault, accepted ones as well. `entries` are those of
    accepted calls = `stored` + `duplicates` (events) or + `replaced` (upserts).
    """
    report: dict[str, dict[str, dict[str, Any]]] = {}
    for row in calls:
        _count(_figures(report, row), row)
    for row in entries:
        figures = _figures(report, row)
        figures["stored"] = row["stored"]
        repeats = "replaced" if newest_wins[row["operation"]] else "duplicates"
        figures[repeats] = row["repeats"]
    return {"operations": report, "faults": dict(injected)}


def _figures(report: dict[str, dict[str, dict[str, Any]]], row: Mapping[str, Any]) -> Any:
    targets = report.setdefault(row["operation"], {})
    return targets.setdefault(row["target"], _nothing())


def _nothing() -> dict[str, Any]:
    numbers = ("calls", "accepted", "throttled", "entries", "stored", "duplicates", "replaced")
    groups = ("refused", "faulted", "ignored_fields")
    return dict.fromkeys(numbers, 0) | {name: Counter[str]() for name in groups}


def _count(figures: dict[str, Any], row: Mapping[str, Any]) -> None:
    kinds = row["fault"].split()
    judged = ANSWERED_BY_FAULTS.isdisjoint(kinds)
    figures["calls"] += row["calls"]
    figures["faulted"].update(dict.fromkeys(kinds, row["calls"]))
    if row["kept"]:
        figures["accepted"] += row["calls"]
        figures["entries"] += row["entries"]
        for name in orjson.loads(row["ignored"]):
            figures["ignored_fields"][name] += row["calls"]
    elif judged and row["code"] == THROTTLED:
        figures["throttled"] += row["calls"]
    elif judged:
        figures["refused"][row["code"]] += row["calls"]
