"""What an invocation says about itself: one log line and one set of metrics, never a payload."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from forwarder.deliver import Tally
from forwarder.journey import Journey
from forwarder.metrics import REJECTED_BY_REASON, Metric
from forwarder.outcomes import Cause
from forwarder.settle import Kept


def figures(journey: Journey, tally: Tally, kept: Kept, now: datetime) -> dict[Metric, float]:
    """Count everything once: the log line and the metrics say the same."""
    settlement = journey.settlement
    arrivals = [entry.document.record.arrival for entry in settlement.delivered]
    return {
        Metric.RECORDS: len(settlement.records),
        Metric.DELIVERED: len(settlement.delivered) - journey.repeats,
        Metric.REJECTED: len(settlement.rejected),
        Metric.DEFERRED: sum(settlement.deferred.values()) + len(settlement.waiting),
        Metric.REPEATS: journey.repeats,
        Metric.CALLS: tally.calls,
        Metric.FEWEST_CALLS: journey.fewest_calls,
        Metric.RETRIES: tally.retries,
        Metric.THROTTLES: tally.failures.get(Cause.THROTTLED, 0),
        Metric.DEAD_LETTERS: kept.letters,
        Metric.UNKEPT: int(kept.unkept_at is not None),
        Metric.MISCONFIGURED: int(tally.misconfigured is not None),
        Metric.LAG: max(0.0, now.timestamp() - min(arrivals)) if arrivals else 0.0,
    }


def report(
    journey: Journey, tally: Tally, kept: Kept, *, now: datetime, logger: Logger, metrics: Metrics
) -> None:
    """Write one log line and the metrics of one invocation.

    The line is an error only where an operator has to act: nothing can be delivered, or a dead
    letter cannot be kept.
    """
    settlement = journey.settlement
    counted = figures(journey, tally, kept, now)
    for metric, value in counted.items():
        metrics.add_metric(name=metric.title, unit=metric.unit, value=value)
    for reason, count in settlement.reasons.items():
        metrics.add_metric(name=REJECTED_BY_REASON.format(reason=reason), unit="Count", value=count)
    details: dict[str, Any] = {metric.title: value for metric, value in counted.items()}
    details |= {
        "rejected": {reason.value: count for reason, count in settlement.reasons.items()},
        "deferred": {cause.value: count for cause, count in settlement.deferred.items()},
        "failures": {cause.value: count for cause, count in tally.failures.items()},
    }
    if tally.misconfigured is not None:
        logger.error("nothing can be delivered", extra=details | {"because": tally.misconfigured})
    elif kept.unkept_at is not None:
        logger.error("a dead letter was not kept", extra=details | {"because": kept.failure})
    else:
        logger.info("forwarded", extra=details)
