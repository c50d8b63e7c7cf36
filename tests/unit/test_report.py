"""What an operator reads of an invocation: each figure, in the log line and as a metric."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import document, parsed, record

from forwarder.deliver import Tally
from forwarder.journey import Journey
from forwarder.metrics import Metric
from forwarder.outcomes import Cause, Entry, Reason, Rejected
from forwarder.report import figures, report
from forwarder.settle import Kept, Settlement

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Recorder:
    """A logger and metrics in one: what they were told."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    metrics: list[tuple[str, str, float]] = field(default_factory=list)

    def info(self, message: str, *, extra: dict[str, Any]) -> None:
        self.lines.append(("info", message, extra))

    def error(self, message: str, *, extra: dict[str, Any]) -> None:
        self.lines.append(("error", message, extra))

    def add_metric(self, *, name: str, unit: str, value: float) -> None:
        self.metrics.append((name, unit, value))


def delivered(*seconds_ago: float) -> list[Entry]:
    """Entries of records that arrived so long ago."""
    entry: Entry = parsed("events")
    return [
        entry._replace(
            document=entry.document._replace(
                record=entry.document.record._replace(
                    arrival=(NOW - timedelta(seconds=each)).timestamp()
                )
            )
        )
        for each in seconds_ago
    ]


def rejected(*reasons: Reason) -> list[Rejected]:
    return [Rejected(document({}), None, each, None, "") for each in reasons]


def journey(*, repeats: int = 0, **settled: Any) -> Journey:
    empty: dict[str, Any] = {"delivered": [], "rejected": [], "waiting": [], "resume_at": None}
    settlement = Settlement(
        **{"records": [record(0, b"{}")] * 9, "deferred": Counter(), **empty, **settled}
    )
    return Journey(settlement, fewest_calls=4, repeats=repeats, stood_for=0)


BUSY = journey(
    repeats=2,
    delivered=delivered(1, 7, 3, 2, 5),
    rejected=rejected(Reason.NOT_JSON, Reason.NOT_JSON, Reason.WRONG_TIME),
    waiting=rejected(Reason.NOT_JSON),
    deferred=Counter({Cause.THROTTLED: 2, Cause.HELD: 3}),
    resume_at=5,
)
TALLY = Tally(calls=6, retries=2, failures={Cause.THROTTLED: 3, Cause.TIMED_OUT: 1})


def told(*arguments: Any) -> Recorder:
    recorder: Any = Recorder()
    report(*arguments, now=NOW, logger=recorder, metrics=recorder)
    found: Recorder = recorder
    return found


def test_each_figure_counts_what_its_metric_says():
    assert figures(BUSY, TALLY, Kept(letters=3), NOW) == {
        Metric.RECORDS: 9,
        Metric.DELIVERED: 3,
        Metric.REJECTED: 3,
        Metric.DEFERRED: 6,
        Metric.REPEATS: 2,
        Metric.CALLS: 6,
        Metric.FEWEST_CALLS: 4,
        Metric.RETRIES: 2,
        Metric.THROTTLES: 3,
        Metric.DEAD_LETTERS: 3,
        Metric.UNKEPT: 0,
        Metric.MISCONFIGURED: 0,
        Metric.LAG: 7.0,
    }


def test_where_nothing_happened_all_figures_are_zero():
    found = figures(journey(records=[]), Tally(), Kept(), NOW)

    assert {metric: value for metric, value in found.items() if value} == {Metric.FEWEST_CALLS: 4}


@pytest.mark.parametrize(("seconds_ago", "lag"), [((-2.0,), 0.0), ((0.25,), 0.25), ((), 0.0)])
def test_the_lag_is_that_of_the_oldest_delivered_record_and_never_negative(seconds_ago, lag):
    found = figures(journey(delivered=delivered(*seconds_ago)), Tally(), Kept(), NOW)

    assert found[Metric.LAG] == pytest.approx(lag)


def test_every_figure_is_a_metric_with_its_unit_and_every_reason_one_more():
    metrics = told(BUSY, TALLY, Kept(letters=3)).metrics

    own = figures(BUSY, TALLY, Kept(letters=3), NOW)
    assert metrics == [
        *((metric.title, metric.unit, value) for metric, value in own.items()),
        ("EntriesRejected.not_json", "Count", 2),
        ("EntriesRejected.wrong_time", "Count", 1),
    ]


def test_a_line_has_the_figures_and_why_what_was_not_delivered_was_not():
    ((level, message, extra),) = told(BUSY, TALLY, Kept(letters=3)).lines

    assert (level, message) == ("info", "forwarded")
    assert extra["rejected"] == {"not_json": 2, "wrong_time": 1}
    assert extra["deferred"] == {"throttled": 2, "held": 3}
    assert extra["failures"] == {"throttled": 3, "timed_out": 1}
    assert {name for name in extra if name[0].isupper()} == {metric.title for metric in Metric}


def test_it_is_an_error_that_nothing_can_be_delivered():
    recorder = told(BUSY, Tally(misconfigured="AccessDeniedException"), Kept(0, 3, "Busy"))

    ((level, message, extra),) = recorder.lines
    assert (level, message) == ("error", "nothing can be delivered")
    assert (extra["because"], extra["Misconfigured"]) == ("AccessDeniedException", 1)


def test_it_is_an_error_that_a_dead_letter_was_not_kept():
    ((level, message, extra),) = told(BUSY, TALLY, Kept(2, 3, "Busy")).lines

    assert (level, message) == ("error", "a dead letter was not kept")
    assert (extra["because"], extra["DeadLettersNotKept"], extra["Records"]) == ("Busy", 1, 9)
