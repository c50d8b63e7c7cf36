"""The handler in this process: what it keeps, what it answers, and what it lets go of."""

import importlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from builders import document_of, lambda_event, record
from loopback import Peer, serve
from worker import ENVIRONMENT

from forwarder.dead_letters import MOST_INLINE_BYTES
from forwarder.verdicts import THROTTLED


def context(seconds: float = 20) -> Any:
    return SimpleNamespace(
        function_name="forwarder",
        memory_limit_in_mb=512,
        aws_request_id="request",
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:forwarder",
        get_remaining_time_in_millis=lambda: seconds * 1000,
    )


class Aws:
    """Personalize, the queue and the bucket on one port; `taken` is what the last two have."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses = False
        self.status = 200
        self.calls = 0

    def __call__(self, peer: Peer) -> None:
        while request := peer.request():
            target = request.headers.get("x-amz-target", "")
            if target.startswith("AmazonSQS"):
                peer.respond(self._queue(json.loads(request.body)))
            elif request.line.startswith("PUT"):
                self.taken.append(request.line.split()[1].partition("?")[0])
                peer.respond()
            else:
                self.calls += 1
                peer.respond(status=self.status)

    def _queue(self, request: dict[str, Any]) -> bytes:
        ids = [each["Id"] for each in request["Entries"]]
        failed = [{"Id": each, "SenderFault": False, "Code": "Busy"} for each in ids]
        self.taken += [] if self.refuses else [each["MessageBody"] for each in request["Entries"]]
        return json.dumps({"Successful": [], "Failed": failed if self.refuses else []}).encode()


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def handler(aws, monkeypatch) -> Iterator[ModuleType]:
    """The module as a cold start loads it; gone afterwards."""
    with serve(aws) as server:
        url = server.url
        settings = ENVIRONMENT | {
            "AWS_ENDPOINT_URL": url,
            "DEAD_LETTER_QUEUE_URL": f"{url}/queue",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delitem(sys.modules, "forwarder.handler", raising=False)
        module = importlib.import_module("forwarder.handler")
        yield module
        module.transport.close()
        monkeypatch.delitem(sys.modules, "forwarder.handler", raising=False)


def test_an_invocation_leaves_time_to_keep_dead_letters_and_to_answer(handler):
    assert handler.deadlines(100.0, 10.0) == (108.0, 109.5)
    assert handler.deadlines(100.0, 0.0) == (100.0, 100.0)


def test_the_time_that_is_left_is_lambdas(handler):
    """With none left nothing is sent, and all of it comes again."""
    batch = [record(0, document_of("events"))]

    assert handler.handle(lambda_event(batch), context(0)) == {
        "batchItemFailures": [{"itemIdentifier": "1000"}]
    }


def test_no_wait_outlasts_the_invocation(handler, aws):
    """All attempts that a throttled call may have would take seconds."""
    aws.status = 429

    handler.handle(lambda_event([record(0, document_of("events"))]), context(0.05))

    assert aws.calls < THROTTLED.attempts


def test_what_is_good_is_sent_and_what_is_not_is_kept(handler, aws, caplog):
    large = b'"' + b"x" * MOST_INLINE_BYTES + b'"'
    batch = [
        record(0, document_of("events")),
        record(1, document_of("events", itmeId="i")),
        record(2, large),
    ]

    assert handler.handle(lambda_event(batch), context()) == {"batchItemFailures": []}

    (stored,) = [each for each in aws.taken if each.startswith("/")]
    letters = [json.loads(each) for each in aws.taken if each.startswith("{")]
    assert [each["reason"] for each in letters] == ["unknown_field", "not_an_object"]
    assert letters[0]["function"] == "forwarder:7"
    assert stored.endswith(letters[1]["object"]["key"])
    (line,) = [vars(each) for each in caplog.records if each.message == "forwarded"]
    assert (line["DeadLetters"], line["EntriesDelivered"]) == (2, 1)
    assert line["rejected"] == {"unknown_field": 1, "not_an_object": 1}


def test_what_is_not_kept_comes_again_and_what_was_delivered_is_not_sent_again(handler, aws):
    batch = [record(0, document_of("events", itmeId="i")), record(1, document_of("events"))]
    aws.refuses = True

    answer = handler.handle(lambda_event(batch), context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1000"}]}
    assert len(handler.memory) == 1


def test_a_failure_says_where_it_was_and_drags_nothing_along(handler):
    with (
        pytest.warns(UserWarning, match="No application metrics"),
        pytest.raises(handler.InvocationFailed, match=r"^NotAKinesisBatch at records.py:") as told,
    ):
        handler.handle({"Records": [{"kinesis": "canary"}]}, context())

    assert told.value.__context__ is None
    assert told.value.__cause__ is None


def test_a_service_that_denies_is_told_to_an_operator(handler, aws, caplog):
    aws.status = 403

    answer = handler.handle(lambda_event([record(0, document_of("events"))]), context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1000"}]}
    assert [each.message for each in caplog.records] == ["nothing can be delivered"]


def test_nothing_can_be_delivered_without_time_and_nothing_is_lost(handler):
    answer = handler.handle(lambda_event([record(0, document_of("events"))]), context(0))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1000"}]}


def test_a_failure_without_a_trace_is_somewhere(handler):
    assert handler._where(ValueError()) == "unknown"  # noqa: SLF001 - Lambda always has a trace
