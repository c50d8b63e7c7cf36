"""The handler in a process of its own: what Lambda is told, and what an operator reads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import document_of, lambda_event, record
from worker import Worker

from local.personalize import Endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(trackers=["tracker-1"]) as endpoint:
        yield endpoint


def events(count: int, **fields: Any) -> dict[str, Any]:
    return lambda_event(
        record(n, document_of("events", itemId=f"i{n}", **fields)) for n in range(count)
    )


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_a_batch_is_delivered_and_acknowledged(endpoint, tmp_path):
    log = tmp_path / "log"
    with Worker(log, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=endpoint.url) as worker:
        answer = worker.invoke(events(25))

    assert answer == {"response": {"batchItemFailures": []}}
    stored = endpoint.entries("PutEvents")
    assert [each["itemId"] for each in stored] == [f"i{n}" for n in range(25)]
    (line,) = [each for each in lines(log) if each.get("message") == "forwarded"]
    assert (line["Records"], line["EntriesDelivered"]) == (25, 25)
    assert line["CallsMade"] == line["FewestCalls"] == 3


def test_the_same_figures_are_metrics_of_stage_feed_and_service(endpoint, tmp_path):
    log = tmp_path / "log"
    with Worker(log, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=endpoint.url) as worker:
        worker.invoke(events(25))

    (metrics,) = [each for each in lines(log) if "_aws" in each]
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "PersonalizeStream"
    assert set(directive["Dimensions"][0]) == {"service", "stage", "feed"}
    assert (metrics["stage"], metrics["feed"]) == ("test", "events")
    assert metrics["service"] == "forwarder"
    assert metrics["EntriesDelivered"] == [25.0]


def test_a_wrong_tracker_holds_the_batch_and_says_so_once(endpoint, tmp_path):
    log = tmp_path / "log"
    with Worker(
        log, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=endpoint.url, TARGET="no-such-tracker"
    ) as worker:
        answer = worker.invoke(events(25, sessionId="s1"))

    assert answer == {"response": {"batchItemFailures": [{"itemIdentifier": "1000"}]}}
    (line,) = [each for each in lines(log) if each.get("level") == "ERROR"]
    assert line["message"] == "nothing can be delivered"
    assert line["because"] == "ResourceNotFoundException"
    (metrics,) = [each for each in lines(log) if "_aws" in each]
    assert metrics["Misconfigured"] == [1.0]


def test_a_queue_that_is_not_there_holds_the_batch(endpoint, tmp_path):
    log = tmp_path / "log"
    with Worker(log, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=endpoint.url) as worker:
        answer = worker.invoke(events(3, itmeId="typo"), seconds=20)

    assert answer == {"response": {"batchItemFailures": [{"itemIdentifier": "1000"}]}}
    (line,) = [each for each in lines(log) if each.get("level") == "ERROR"]
    assert line["message"] == "a dead letter was not kept"


@pytest.mark.parametrize("event", [{}, {"Records": [{"kinesis": {"data": "canary"}}]}, None])
def test_what_is_no_batch_fails_without_a_word_of_it(event, tmp_path):
    log = tmp_path / "log"
    with Worker(log) as worker:
        answer = worker.invoke(event)

    assert answer["error"] == "InvocationFailed"
    assert answer["text"].startswith(("NotAKinesisBatch at records.py:", "TypeError at "))
    assert "canary" not in log.read_text() + answer["text"]


def test_an_empty_batch_is_acknowledged(tmp_path):
    with Worker(tmp_path / "log") as worker:
        assert worker.invoke({"Records": []}) == {"response": {"batchItemFailures": []}}


def test_a_missing_setting_is_named_at_cold_start(tmp_path):
    log = tmp_path / "log"
    with Worker(log, TARGET="") as worker:
        assert worker.answer() is None

    assert "TARGET" in log.read_text()
