"""What the functions say about themselves: their metrics, as they write them to their logs."""

import json
import time
from collections import Counter

from forwarder.metrics import Metric
from local.clients import Clients
from local.outputs import DeployedFeed

Figures = Counter[Metric]

PATIENCE = 10.0
"""Seconds that a log may be behind its function."""

_POLL_SECONDS = 0.2


def read_figures(clients: Clients, feed: DeployedFeed, *, records: int) -> Figures:
    """Add up the metrics of all invocations of one feed's function.

    A log is a little behind: it is read until it accounts for so many records, or patience ends.
    """
    until = time.monotonic() + PATIENCE
    while True:
        figures = _read(clients, feed)
        if figures[Metric.RECORDS] >= records or time.monotonic() > until:
            return figures
        time.sleep(_POLL_SECONDS)


def _read(clients: Clients, feed: DeployedFeed) -> Figures:
    """Read the figures as they are now.

    The emulator makes no metrics of the embedded metric format, so they are read where the
    function writes them; https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    told = clients.functions.get_function_configuration(FunctionName=feed.function)
    group = told["LoggingConfig"]["LogGroup"]
    figures = Figures()
    pages = clients.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    for page in pages:
        for event in page["events"]:
            if event["message"].startswith('{"_aws"'):
                _add(figures, json.loads(event["message"]))
    return figures


def _add(figures: Figures, line: dict[str, list[float]]) -> None:
    for metric in Metric:
        figures[metric] += round(sum(line.get(metric.title, ())))
