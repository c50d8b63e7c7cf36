"""What wakes somebody up: one row for each alarm, with what it means and what to do first.

The runbook has a section for each row, and every row becomes one alarm a feed, with the dimensions
of that feed's resources and the stage's topic as its action.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from forwarder.metrics import Metric
from infra.config import Stage
from infra.failure_storage import QUEUE_DAYS
from infra.feed import Feed
from infra.series import ITERATOR_AGE, STREAM_AGE, WAITING, Series, function, mapping, own, queue

DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmKind:
    """One alarm that every feed has.

    Attributes:
        name: The last part of the alarm's id, and its heading in the runbook.
        meaning: What is the matter when it goes off.
        first: The first thing to do then.
        series: What it watches.
        threshold: At which value (or above) it goes off.
        minutes: For how many minutes in a row.
        applies: Whether a feed has it.
    """

    name: str
    meaning: str
    first: str
    series: Series
    threshold: Callable[[Feed, Stage], float] = lambda _feed, _stage: 1
    minutes: int = 1
    applies: Callable[[Feed], bool] = lambda _feed: True


def late(feed: Feed, stage: Stage) -> float:
    """A share of the age at which records are given up, in milliseconds.

    Not of the stream's retention: a mapping gives up before that, and an alarm beyond the record
    age would never go off.
    """
    return feed.config.record_age_seconds * 1000 * stage.alarms.iterator_age_share


ALARMS = (
    AlarmKind(
        name="Late",
        meaning="Records wait too long: at this pace they will be given up and abandoned.",
        first="See whether Errors, Throttles or Misconfigured is on as well; if none is, the "
        "stream carries more than the API quota: raise the quota, then calls_per_second.",
        series=ITERATOR_AGE,
        threshold=late,
        minutes=5,
    ),
    AlarmKind(
        name="Unread",
        meaning="Records are read too late or not at all: Lambda's own metric stays silent "
        "while no invocation ends.",
        first="Check that the mapping is enabled and what its last processing result is.",
        series=STREAM_AGE,
        threshold=late,
        minutes=5,
    ),
    AlarmKind(
        name="DeadLetters",
        meaning="Records were rejected or batches abandoned.",
        first="`pstream dead-letters list`: mend the cause it names, then replay.",
        series=WAITING,
        minutes=5,
    ),
    AlarmKind(
        name="DeadLettersExpire",
        meaning=f"Dead letters are about to be lost: SQS deletes them after {QUEUE_DAYS} days.",
        first="Replay them, or save them elsewhere, today.",
        series=Series("AWS/SQS", "ApproximateAgeOfOldestMessage", queue, "Maximum"),
        threshold=lambda _feed, _stage: (QUEUE_DAYS - 4) * DAY,
        minutes=5,
    ),
    AlarmKind(
        name="Errors",
        meaning="Invocations fail as a whole: a setting is missing, memory ran out, or a bug.",
        first="Read the function's log for the error; records are kept and tried again.",
        series=Series("AWS/Lambda", "Errors", function, "Sum"),
        minutes=3,
    ),
    AlarmKind(
        name="Throttles",
        meaning="Lambda cannot start the function: no concurrency is left for it.",
        first="Compare the account's concurrency limit and the function's reserved concurrency "
        "with shards times parallelization_factor.",
        series=Series("AWS/Lambda", "Throttles", function, "Sum"),
        minutes=15,
        # Where the quota is so small that shards take turns, throttles are the normal case.
        applies=lambda feed: not feed.config.pacing.waits_its_turn,
    ),
    AlarmKind(
        name="Undelivered",
        meaning="Lambda could not write an abandoned batch to the failure bucket: it is lost.",
        first="Check the function's role, the bucket and the key; the batch is still in the "
        "stream until its retention ends, so read it back by its sequence numbers.",
        series=Series("AWS/Lambda", "DestinationDeliveryFailures", function, "Sum"),
    ),
    AlarmKind(
        name="Dropped",
        meaning="Lambda gave records up and kept them nowhere.",
        first="The same as for Undelivered; the metric's value says how many records.",
        series=Series("AWS/Lambda", "DroppedEventCount", mapping, "Sum"),
    ),
    AlarmKind(
        name="Misconfigured",
        meaning="Personalize refuses every call: wrong target, missing right, or a schema that "
        "does not fit. The stream is held back so that it does not drain into the dead letters.",
        first="Read the one error line in the function's log; compare `target` with `pstream "
        "doctor`. Records are given up after record_age_seconds.",
        series=own(Metric.MISCONFIGURED),
    ),
    AlarmKind(
        name="Unkept",
        meaning="The forwarder cannot put a rejected record into the queue or the bucket, so it "
        "holds the stream back at that record.",
        first="Read the function's log for the service's error; check the role and the key.",
        series=own(Metric.UNKEPT),
        minutes=3,
    ),
)
"""Every alarm of a feed."""


def watch(feed: Feed, stage: Stage, topic: sns.ITopic) -> list[cloudwatch.Alarm]:
    """Create the feed's alarms, which notify `topic` when they go off and when they end."""
    alarms = []
    for alarm in ALARMS:
        if not alarm.applies(feed):
            continue
        created = alarm.series.of(feed, stage).create_alarm(
            feed,
            alarm.name,
            alarm_description=f"{feed.config.name} ({stage.name}): {alarm.meaning} "
            f"First: {alarm.first}",
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=alarm.minutes,
            threshold=alarm.threshold(feed, stage),
            # No data means no invocation, no dead letter, no failure: all is well.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        action = actions.SnsAction(topic)
        created.add_alarm_action(action)
        created.add_ok_action(action)
        alarms.append(created)
    return alarms
