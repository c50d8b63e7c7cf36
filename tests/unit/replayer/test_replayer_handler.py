"""The replayer's handler in this process: what it replays, hands on, answers, and keeps quiet."""

import importlib
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from builders import document_of
from dead_letter_world import LONG_AGO, World, rejections
from loopback import Peer, Request
from worker import ENVIRONMENT

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:replayer:7"
MENDING = {"rename": ["itmeId=itemId"]}
LARGE = 40 * 1024 * 1024
"""Bytes of an object; memory has room for one of them at a time."""


class Aws:
    """The queue, the bucket and the stream of some feeds, and Lambda, on one port."""

    def __init__(self) -> None:
        self.worlds = {feed: World(feed=feed) for feed in ("events", "users")}
        self.denied: set[str] = set()
        self.hidden = "0"
        self.put: list[str] = []
        self.deleted: list[str] = []
        self.invoked: list[tuple[str, str, Any]] = []
        self.lock = Lock()

    def __call__(self, peer: Peer) -> None:
        while request := peer.request():
            with self.lock:
                status, body = self._answer(request)
            peer.respond(body, status=status)

    def _answer(self, request: Request) -> tuple[int, bytes]:
        method, path, _ = request.line.split()
        operation = request.headers.get("x-amz-target", "").partition(".")[2]
        if operation in self.denied:
            return 400, b'{"__type": "AccessDeniedException", "message": "canary"}'
        if operation:
            asked = json.loads(request.body)
            return 200, json.dumps(getattr(self, operation)(**asked)).encode()
        if method == "POST":
            kind = request.headers["x-amz-invocation-type"]
            self.invoked.append((unquote(path), kind, json.loads(request.body)))
            return 202, b""
        key = unquote(path).removeprefix("/failures/")
        bucket = self.worlds["events"].bucket
        return (200, bucket[key]) if method == "GET" else (204, bucket.pop(key)[:0])

    def _world(self, url: str) -> World:
        return self.worlds[url.rpartition("/")[2]]

    def GetQueueAttributes(self, **_: Any) -> dict[str, Any]:  # noqa: N802 - the service's name
        return {"Attributes": {"ApproximateNumberOfMessagesNotVisible": self.hidden}}

    def ReceiveMessage(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803 - the service's names
        world = self._world(QueueUrl)
        found = [held for held in world.queue.values() if held.id not in world.hidden][:10]
        world.hidden |= {held.id for held in found}
        sent = {"SentTimestamp": str(int(LONG_AGO.timestamp() * 1000))}
        return {
            "Messages": [
                {"MessageId": h.id, "ReceiptHandle": h.id, "Body": h.body, "Attributes": sent}
                for h in found
            ]
        }

    def ChangeMessageVisibilityBatch(  # noqa: N802 - the service's name
        self,
        *,
        QueueUrl: str,  # noqa: N803 - the service's name
        Entries: Any,  # noqa: N803 - the service's name
    ) -> dict[str, Any]:
        self._world(QueueUrl).hidden -= {
            each["ReceiptHandle"] for each in Entries if each["VisibilityTimeout"] == 0
        }
        return {}

    def DeleteMessageBatch(self, *, QueueUrl: str, Entries: Any) -> dict[str, Any]:  # noqa: N802, N803 - the service's names
        for each in Entries:
            del self._world(QueueUrl).queue[each["ReceiptHandle"]]
            self.deleted.append(each["ReceiptHandle"])
        return {"Successful": [{"Id": each["Id"]} for each in Entries]}

    def PutRecords(self, *, Records: Any, **_: Any) -> dict[str, Any]:  # noqa: N802, N803 - the service's names
        self.put += [each["PartitionKey"] for each in Records]
        results = [{"ShardId": "shard-0", "SequenceNumber": "9000"} for _ in Records]
        return {"FailedRecordCount": 0, "Records": results}


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def feeds() -> list[str]:
    return ["events"]


@pytest.fixture
def handler(aws, server, feeds, monkeypatch) -> Iterator[ModuleType]:
    """The module as a cold start loads it; gone afterwards."""
    url = server.url
    sites = [replace(aws.worlds[feed].site, queue_url=f"{url}/{feed}") for feed in feeds]
    settings = ENVIRONMENT | {
        "AWS_ENDPOINT_URL": url,
        "AWS_LAMBDA_FUNCTION_NAME": "replayer",
        "POWERTOOLS_SERVICE_NAME": "replayer",
        "SITES": json.dumps([asdict(site) for site in sites]),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "replayer.handler", raising=False)
    yield importlib.import_module("replayer.handler")
    monkeypatch.delitem(sys.modules, "replayer.handler", raising=False)


class Context(SimpleNamespace):
    """An invocation that has time, until so many messages are deleted."""

    function_name = "replayer"
    memory_limit_in_mb = 512
    aws_request_id = "request"
    invoked_function_arn = FUNCTION

    def get_remaining_time_in_millis(self) -> int:
        return 60_000 if len(self.aws.deleted) < self.until else 59_999


def context(aws: Aws, until: int = 1000) -> Any:
    return Context(aws=aws, until=until)


def reject(world: World, count: int = 1) -> None:
    """Fill a queue with documents whose field has a wrong name."""
    for number in range(count):
        data = document_of(world.feed, itmeId=f"i{number}")
        world.reject(*rejections(world, world.arrive(data, at=LONG_AGO, key=f"key-{number}")))


def abandon(world: World, key: str) -> str:
    """Fill a queue with a batch in a large object."""
    id_ = world.abandon([world.arrive(document_of("events"), at=LONG_AGO, key=key)])
    held = world.queue[id_]
    notification = json.loads(held.body)
    notification["Records"][0]["s3"]["object"]["size"] = LARGE
    world.queue[id_] = replace(held, body=json.dumps(notification))
    return id_


def test_what_the_request_chooses_is_replayed_and_the_rest_shown_again(handler, aws, caplog):
    world = aws.worlds["events"]
    reject(world, 3)
    first, second, third = sorted(world.queue)
    caplog.set_level(logging.INFO)

    answer = handler.handle({"edits": MENDING, "filter": {"ids": [first, third]}}, context(aws))

    counts = {
        "letters": 2,
        "leaving": 2,
        "staying": 0,
        "records": 2,
        "entries": answer["feeds"]["events"]["entries"],
        "done": {
            "records": 2,
            "letters": 2,
            "kept_apart": 0,
            "unput": 0,
            "overtaken": 0,
            "undeleted": 0,
            "stopped": False,
        },
    }
    assert answer == {
        "stage": "local",
        "feeds": {"events": counts | {"notes": [], "stays": []}},
        "resumes": False,
    }
    assert sum(counts["entries"].values()) == 2
    assert aws.put == ["key-0", "key-2"]
    assert sorted(aws.deleted) == [first, third]
    assert (sorted(world.queue), world.hidden - {first, third}) == ([second], set())
    assert aws.invoked == []
    (line,) = [vars(each) for each in caplog.records if each.message == "replayed"]
    assert (line["lap"], line["feeds"]) == (0, {"events": counts})


def test_out_of_time_it_calls_itself_for_what_is_left(handler, aws):
    world = aws.worlds["events"]
    first, second = abandon(world, "key-0"), abandon(world, "key-1")

    answer = handler.handle({"rate": 100, "filter": {"limit": 9}}, context(aws, until=1))

    assert answer["resumes"] is True
    assert aws.put == ["key-0"]
    assert (aws.deleted, list(world.queue)) == ([first], [second])
    assert len(world.bucket) == 1
    ((path, kind, rest),) = aws.invoked
    assert (path, kind) == (f"/2015-03-31/functions/{FUNCTION}/invocations", "Event")
    assert {name: rest[name] for name in ("feeds", "rate", "lap", "dryRun")} == {
        "feeds": ["events"],
        "rate": 100,
        "lap": 1,
        "dryRun": False,
    }
    assert rest["filter"]["limit"] == 8


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"feeds": ["items"]}, "feeds: wants some of events"),
        ({"rate": 0}, "rate: Input should be greater than 0"),
        ({"filter": {"ids": ["nobody"]}}, "there is no dead letter with the id nobody"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_in_words(handler, aws, event, text):
    with pytest.raises(handler.ReplayFailed) as told:
        handler.handle(event, context(aws))

    assert str(told.value) == text
    assert told.value.__suppress_context__


def test_a_request_for_a_feed_of_another_stage_asks_nothing_of_any_service(handler, aws, server):
    with pytest.raises(handler.ReplayFailed):
        handler.handle({"feeds": ["events", "items"]}, context(aws))

    assert server.requests == []


def test_an_edit_that_cannot_be_understood_is_refused_without_its_text(handler, aws, caplog):
    reject(aws.worlds["events"])

    with pytest.raises(handler.ReplayFailed) as told:
        handler.handle({"edits": {"set": ["canary"]}}, context(aws))

    assert str(told.value) == "edits: wants FIELD=VALUE, OLD=NEW and FIELD"
    assert told.value.__suppress_context__
    assert "canary" not in caplog.text
    assert aws.worlds["events"].hidden == set()


def test_a_service_that_refuses_is_named_by_operation_and_code_alone(handler, aws, caplog):
    reject(aws.worlds["events"])
    aws.denied = {"PutRecords"}

    with pytest.raises(handler.ReplayFailed) as told:
        handler.handle({"edits": MENDING}, context(aws))

    assert str(told.value) == "PutRecords failed: AccessDeniedException"
    assert told.value.__context__ is None
    (line,) = [vars(each) for each in caplog.records if each.message == "replay failed"]
    assert line["because"] == "PutRecords failed: AccessDeniedException"
    assert "canary" not in caplog.text
    assert aws.deleted == []


def test_any_other_failure_is_named_by_its_type_alone(handler, aws, caplog):
    aws.hidden = "canary"

    with pytest.raises(handler.ReplayFailed) as told:
        handler.handle({}, context(aws))

    assert str(told.value) == "ValueError"
    assert told.value.__context__ is None
    (line,) = [vars(each) for each in caplog.records if each.message == "replay failed"]
    assert line["because"] == "ValueError"
    assert "canary" not in caplog.text


def test_the_functions_name_and_version_sign_what_it_keeps(handler):
    assert handler.FUNCTION == "replayer:7"


@pytest.mark.parametrize("feeds", [["events", "users"]])
def test_all_feeds_of_a_stage_are_replayed_by_one_invocation(handler, aws):
    reject(aws.worlds["events"])

    answer = handler.handle({"edits": MENDING}, context(aws))

    assert list(answer["feeds"]) == ["events", "users"]
    assert aws.put == ["key-0"]


def test_a_warm_environment_ends_what_it_handed_on(handler, aws):
    world = aws.worlds["events"]
    abandon(world, "key-0")
    abandon(world, "key-1")
    handler.handle({}, context(aws, until=1))
    ((_, _, rest),) = aws.invoked

    answer = handler.handle(rest, context(aws))

    assert answer["resumes"] is False
    assert aws.put == ["key-0", "key-1"]
    assert (world.queue, world.bucket) == ({}, {})
    assert len(aws.invoked) == 1
