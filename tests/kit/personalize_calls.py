"""The smallest valid things to send to the local Personalize endpoint."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
from botocore.config import Config

ITEMS = "arn:aws:personalize:eu-west-1:123456789012:dataset/shop/ITEMS"
KEY, SECRET, WRONG = "AKIDLOCAL", "local-secret", "another-secret"
TOKEN = "session-token"  # noqa: S105 -- nobody else's


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def event(**members: Any) -> dict[str, Any]:
    return {"eventType": "Viewed", "sentAt": 1_700_000_000, **members}


def events(*entries: dict[str, Any], **members: Any) -> dict[str, Any]:
    shared = {"trackingId": "tracker", "sessionId": "session", **members}
    return {**shared, "eventList": list(entries) or [event()]}


def items(*entries: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"datasetArn": ITEMS, "items": list(entries) or [{"itemId": "item"}], **members}


def interaction(**members: Any) -> dict[str, Any]:
    required = {"actionId": "action", "sessionId": "session", "eventType": "Viewed"}
    return {**required, "timestamp": 1_700_000_000, **members}


# One smallest call of each operation, by the name boto3 gives it.
CALLS: dict[str, dict[str, Any]] = {
    "put_events": events(),
    "put_items": items(),
    "put_users": {"datasetArn": ITEMS, "users": [{"userId": "user"}]},
    "put_actions": {"datasetArn": ITEMS, "actions": [{"actionId": "action"}]},
    "put_action_interactions": {"trackingId": "tracker", "actionInteractions": [interaction()]},
}


@contextmanager
def boto3_client(url: str, *, patience: float = 30, **options: Any) -> Iterator[Any]:
    """A client as it comes, but that gives up after one attempt of so many seconds."""
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, **options}
    config = Config(retries={"total_max_attempts": 1}, read_timeout=patience)
    session = boto3.session.Session(region_name="eu-west-1", **keys)
    with closing(session.client("personalize-events", endpoint_url=url, config=config)) as client:
        yield client
