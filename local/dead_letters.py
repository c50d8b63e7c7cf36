"""What is in a feed's dead-letter queue, read without taking anything away."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from forwarder.envelope import Envelope
from local.clients import Clients
from local.outputs import DeployedFeed

_HIDDEN_SECONDS = 30
"""How long a message is out of sight while others are read, so that it is read once."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Rejected documents as their envelopes, and abandoned batches as their objects' keys."""

    rejected: Sequence[Envelope]
    abandoned: Sequence[str]

    @property
    def count(self) -> int:
        """How many messages wait for an operator."""
        return len(self.rejected) + len(self.abandoned)


def read_dead_letters(clients: Clients, feed: DeployedFeed) -> DeadLetters:
    """Read all messages of one feed's queue; all are in sight again afterwards."""
    rejected: list[Envelope] = []
    abandoned: list[str] = []
    for body in _receive(clients, feed.queue_url):
        message = json.loads(body)
        if message.get("kind") == "rejected":
            rejected.append(Envelope.model_validate_json(body))
        elif message.get("Event") != "s3:TestEvent":
            abandoned += [record["s3"]["object"]["key"] for record in message["Records"]]
    return DeadLetters(rejected, abandoned)


def _receive(clients: Clients, queue_url: str) -> Iterator[str]:
    handles: list[str] = []
    while messages := clients.queues.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_SECONDS
    ).get("Messages"):
        for message in messages:
            handles.append(message["ReceiptHandle"])
            yield message["Body"]
    for handle in handles:
        clients.queues.change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=0
        )
