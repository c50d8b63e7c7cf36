"""What a stage looks like at a glance: its alarms, and a row of graphs for each feed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from forwarder.metrics import NAMESPACE, Metric
from infra import dimensions
from infra.alarms import late
from infra.config import Stage
from infra.feed import Feed

WIDTH = 24
"""Columns of a CloudWatch dashboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One metric in a graph.

    Attributes:
        namespace: Whose metric it is.
        metric: Its name.
        dimensions: The feed's values of its dimensions.
        statistic: How the values of one minute become one.
    """

    namespace: str
    metric: str
    dimensions: Callable[[Feed, Stage], dict[str, str]]
    statistic: str = "Sum"

    def of(self, feed: Feed, stage: Stage) -> cloudwatch.Metric:
        """The feed's own series."""
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=self.metric,
            dimensions_map=self.dimensions(feed, stage),
            statistic=self.statistic,
            label=self.metric,
            period=Duration.minutes(1),
        )


def _own(metric: Metric, statistic: str = "Sum") -> Line:
    return Line(
        namespace=NAMESPACE,
        metric=metric.title,
        dimensions=dimensions.forwarder,
        statistic=statistic,
    )


GRAPHS = {
    "what came and what became of it": (
        _own(Metric.RECORDS),
        _own(Metric.DELIVERED),
        _own(Metric.REJECTED),
        _own(Metric.DEFERRED),
    ),
    "calls, and the fewest possible": (
        _own(Metric.CALLS),
        _own(Metric.FEWEST_CALLS),
        _own(Metric.RETRIES),
        _own(Metric.THROTTLES),
    ),
    "milliseconds behind": (
        Line(
            namespace="AWS/Lambda",
            metric="IteratorAge",
            dimensions=dimensions.function,
            statistic="Maximum",
        ),
        Line(
            namespace="AWS/Kinesis",
            metric="GetRecords.IteratorAgeMilliseconds",
            dimensions=dimensions.stream,
            statistic="Maximum",
        ),
    ),
    "dead letters waiting": (
        Line(
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions=dimensions.queue,
            statistic="Maximum",
        ),
    ),
}
"""The graphs of each feed, by what they show."""


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
    lines = GRAPHS[title]
    limit = cloudwatch.HorizontalAnnotation(value=late(feed, stage), label="alarm")
    return cloudwatch.GraphWidget(
        title=f"{feed.config.name}: {title}",
        width=WIDTH // len(GRAPHS),
        height=6,
        left=[line.of(feed, stage) for line in lines],
        left_y_axis=cloudwatch.YAxisProps(min=0),
        left_annotations=[limit] if any("IteratorAge" in line.metric for line in lines) else [],
    )
