"""What a stage looks like at a glance: its alarms, and a row of graphs for each feed."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from forwarder.metrics import Metric
from infra.alarms import late
from infra.config import Stage
from infra.feed import Feed
from infra.series import ITERATOR_AGE, STREAM_AGE, WAITING, own

WIDTH = 24
"""Columns of a CloudWatch dashboard."""


GRAPHS = {
    "what came and what became of it": tuple(
        map(own, (Metric.RECORDS, Metric.DELIVERED, Metric.REJECTED, Metric.DEFERRED))
    ),
    "calls, and the fewest possible": tuple(
        map(own, (Metric.CALLS, Metric.FEWEST_CALLS, Metric.RETRIES, Metric.THROTTLES))
    ),
    "milliseconds behind": (ITERATOR_AGE, STREAM_AGE),
    "dead letters waiting": (WAITING,),
}
"""The graphs of each feed, by what they show."""

LATENESS = frozenset({ITERATOR_AGE, STREAM_AGE})
"""What is drawn beside the age at which the alarm goes off."""


def draw(
    scope: Stack, stage: Stage, feeds: Sequence[Feed], alarms: Sequence[cloudwatch.IAlarm]
) -> cloudwatch.Dashboard:
    """Create the stage's dashboard, which has the stack's name."""
    dashboard = cloudwatch.Dashboard(scope, "Dashboard", dashboard_name=scope.stack_name)
    dashboard.add_widgets(
        cloudwatch.AlarmStatusWidget(title="Alarms", width=WIDTH, height=4, alarms=[*alarms])
    )
    for feed in feeds:
        dashboard.add_widgets(*(_graph(title, feed, stage) for title in GRAPHS))
    return dashboard


def _graph(title: str, feed: Feed, stage: Stage) -> cloudwatch.GraphWidget:
    series = GRAPHS[title]
    limit = cloudwatch.HorizontalAnnotation(value=late(feed, stage), label="alarm")
    return cloudwatch.GraphWidget(
        title=f"{feed.config.name}: {title}",
        width=WIDTH // len(GRAPHS),
        height=6,
        left=[each.of(feed, stage).with_(label=each.metric) for each in series],
        left_y_axis=cloudwatch.YAxisProps(min=0),
        left_annotations=[] if LATENESS.isdisjoint(series) else [limit],
    )
