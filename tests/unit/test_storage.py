"""What keeping dead letters says to SQS and S3, over the wire."""

import json
from pathlib import Path
from typing import Any

import pytest
from loopback import Peer, Server, session_to

from forwarder.dead_letters import Message
from forwarder.envelope import StoredObject
from forwarder.storage import Storage

MESSAGES = [Message(n, f"body {n}", {"feed": "events", "reason": f"r{n}"}) for n in range(3)]


class Aws:
    """Takes everything, but for the messages with these ids."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused

    def __call__(self, peer: Peer) -> None:
        while request := peer.request():
            answer: dict[str, Any] = {}
            if "x-amz-target" in request.headers:
                failed = [{"Id": each, "SenderFault": True, "Code": "x"} for each in self.refused]
                answer = {"Successful": []} | ({"Failed": failed} if failed else {})
            body = json.dumps(answer).encode() if answer else b""
            peer.respond(body)


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def storage(server: Server, tmp_path: Path) -> Storage:
    return Storage(session_to(server, tmp_path), queue_url="http://queue/1", bucket="bucket")


def test_messages_go_to_the_queue_with_their_attributes(server: Server, storage: Storage) -> None:
    assert storage.send(MESSAGES) == []

    (request,) = server.requests
    assert request.headers["x-amz-target"] == "AmazonSQS.SendMessageBatch"
    assert "/eu-west-1/sqs/" in request.headers["authorization"]
    assert json.loads(request.body) == {
        "QueueUrl": "http://queue/1",
        "Entries": [
            {
                "Id": str(n),
                "MessageBody": f"body {n}",
                "MessageAttributes": {
                    "feed": {"DataType": "String", "StringValue": "events"},
                    "reason": {"DataType": "String", "StringValue": f"r{n}"},
                },
            }
            for n in range(3)
        ],
    }


def test_what_the_queue_did_not_take_is_named_by_its_place(aws: Aws, storage: Storage) -> None:
    aws.refused = ("2", "0")

    assert storage.send(MESSAGES) == [2, 0]


def test_an_object_has_the_bytes_and_says_where_it_is(server: Server, storage: Storage) -> None:
    stored = storage.put("rejected/events/a", b"\x00bytes\xff")

    assert stored == StoredObject(bucket="bucket", key="rejected/events/a")
    (request,) = server.requests
    assert request.line.split()[:2] == ["PUT", "/bucket/rejected/events/a"]
    assert request.body == b"\x00bytes\xff"


def test_one_client_of_each_service_is_made_and_its_connection_kept(
    server: Server, storage: Storage
) -> None:
    for _ in range(3):
        storage.send(MESSAGES)
        storage.put("rejected/events/a", b"")

    assert server.connections == 2
