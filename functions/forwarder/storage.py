"""The verbs that keep dead letters, through botocore's clients."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from botocore.client import BaseClient
from botocore.config import Config
from botocore.session import Session

from forwarder.dead_letters import Message
from forwarder.envelope import StoredObject

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=16,
)


class Storage:
    """A feed's queue and bucket: this function may put into both and read neither."""

    def __init__(self, session: Session, *, queue_url: str, bucket: str) -> None:
        """Name the queue and the bucket; connect to nothing yet."""
        # A boto3 session of it would be the caller's second one, after which neither makes S3
        # clients: boto3 adds its methods for each.
        self._session = session
        self._queue_url = queue_url
        self._bucket = bucket
        # Making clients is not safe for threads, using them is.
        self._lock = threading.Lock()
        self._sqs_client: SQSClient | None = None
        self._s3_client: S3Client | None = None

    def send(self, messages: Sequence[Message]) -> Sequence[int]:
        """Put up to ten messages on the queue; return the indices of those it did not take."""
        answer = self._sqs.send_message_batch(
            QueueUrl=self._queue_url,
            Entries=[
                {
                    "Id": str(place),
                    "MessageBody": message.body,
                    "MessageAttributes": {
                        name: {"DataType": "String", "StringValue": value}
                        for name, value in message.attributes.items()
                    },
                }
                for place, message in enumerate(messages)
            ],
        )
        return [int(failed["Id"]) for failed in answer.get("Failed", ())]

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store bytes in the bucket and return where they are."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=data)
        return StoredObject(bucket=self._bucket, key=key)

    @property
    def _sqs(self) -> "SQSClient":
        with self._lock:
            if self._sqs_client is None:
                self._sqs_client = cast("SQSClient", self._client("sqs"))
            return self._sqs_client

    @property
    def _s3(self) -> "S3Client":
        with self._lock:
            if self._s3_client is None:
                self._s3_client = cast("S3Client", self._client("s3"))
            return self._s3_client

    def _client(self, service: str) -> BaseClient:
        return self._session.create_client(service, config=_CONFIG)
