"""The stage at a glance: every alarm, and for each feed what came, what went and what waits."""

import json
from typing import Any

import pytest
from stacks import Synthesized

from forwarder.destinations import DESTINATIONS
from forwarder.metrics import NAMESPACE, Metric
from infra.dashboard import GRAPHS


@pytest.fixture(scope="module")
def widgets(example: Synthesized) -> list[dict[str, Any]]:
    """The dashboard's widgets, with references by name."""
    (dashboard,) = example.of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["Properties"]["DashboardName"] == "personalize-stream-example"
    _, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    body = "".join(part if isinstance(part, str) else f"<{_target(part)}>" for part in parts)
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def _target(reference: dict[str, Any]) -> str:
    (value,) = reference.values()
    return value if isinstance(value, str) else str(value[0])


def test_every_alarm_of_the_stage_is_on_it(
    example: Synthesized, widgets: list[dict[str, Any]]
) -> None:
    alarms = example.of_type("AWS::CloudWatch::Alarm")

    assert sorted(widgets[0]["properties"]["alarms"]) == sorted(f"<{each}>" for each in alarms)


def test_every_feed_has_a_row_of_the_same_graphs(widgets: list[dict[str, Any]]) -> None:
    titles = [each["properties"]["title"] for each in widgets[1:]]

    assert titles == [f"{feed}: {graph}" for feed in DESTINATIONS for graph in GRAPHS]
    assert {(each["x"], each["width"]) for each in widgets[1:]} == {
        (0, 6),
        (6, 6),
        (12, 6),
        (18, 6),
    }


def test_a_feeds_graphs_show_its_own_series_and_no_others(
    example: Synthesized, widgets: list[dict[str, Any]]
) -> None:
    """The dimensions are those that the function writes, in any order."""
    known = {each.title for each in Metric}
    for widget in widgets[1:]:
        feed = widget["properties"]["title"].partition(":")[0]
        for namespace, name, *rest in widget["properties"]["metrics"]:
            *pairs, options = rest
            values = dict(zip(pairs[::2], pairs[1::2], strict=True))
            if namespace == NAMESPACE:
                assert name in known
                assert values == {
                    "feed": feed, "service": "personalize-stream", "stage": "example",
                }  # fmt: skip
            else:
                (value,) = values.values()
                assert value.strip("<>") in example.template["Resources"]
                assert value.strip("<>").startswith(feed.title().replace("-", ""))
            assert options["period"] == 60


def test_lateness_is_drawn_against_the_age_that_the_alarm_watches(
    example: Synthesized, widgets: list[dict[str, Any]]
) -> None:
    alarms = example.of_type("AWS::CloudWatch::Alarm").values()
    thresholds = {
        each["Properties"]["Threshold"]
        for each in alarms
        if "IteratorAge" in each["Properties"]["MetricName"]
    }
    drawn = {
        line["value"]
        for each in widgets[1:]
        for line in each["properties"].get("annotations", {}).get("horizontal", [])
    }

    assert drawn == thresholds != set()
