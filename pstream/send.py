"""Put records on a feed's stream: nothing lost, and nothing overtaken.

`replayer.put_records` chooses what goes into each request. Here sending ends when a record fails
too often, because what comes after it must not overtake it.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from forwarder.destinations import Destination
from replayer.put_records import Outgoing, Sending, Sent, backoff

__all__ = ["ATTEMPTS", "NotSent", "Outgoing", "Sent", "partition_key", "send"]

ATTEMPTS = 10
"""How often a record is tried before sending ends."""

Put = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]
"""Sends one request: the client's `put_records`, bound to a stream."""


class NotSent(Exception):  # noqa: N818 - it says what is not sent
    """Sending ended early. `sent` and `unsent` (positions) account for every record given."""

    def __init__(self, code: str, sent: Sequence[Sent], unsent: Sequence[int]) -> None:
        super().__init__(f"{len(unsent)} records are not on the stream: {code}, {ATTEMPTS} times")
        self.sent = sent
        self.unsent = unsent


def partition_key(destination: Destination, document: Mapping[str, Any]) -> str:
    """The key under which what has to stay in order meets: the session's, or the upsert's id.

    Raises:
        KeyError: The document, a flat one or a request's head, has no such field.
    """
    return str(document[destination.session or destination.identity or ""])


def send(
    records: Iterable[Outgoing],
    *,
    put: Put,
    sleep: Callable[[float], None],
    jitter: Callable[[], float] = random.random,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Sent]:
    """Put records on a stream, those of one key in the order given.

    Args:
        records: What to send.
        put: Sends one request; botocore's own retries may be off.
        sleep: Waits for so many seconds, after a request that failed in part.
        jitter: A number from 0 to 1 that spreads those waits.
        progress: Is told after each request how many records are on the stream.

    Returns:
        Where each record is, in the order given.

    Raises:
        NotSent: A record failed too often; what was sent until then stays sent.
    """
    sending = Sending(list(records))
    failures = 0
    while chosen := sending.choose():
        failed = sending.settle(chosen, _ask(put, [sending.records[each] for each in chosen]))
        progress(len(sending.sent))
        if not failed:
            failures = 0
            continue
        failures += 1
        if max(sending.attempts.values()) >= ATTEMPTS:
            raise NotSent(failed, sending.in_order(), sending.unsent())
        sleep(backoff(failures) * jitter())
    return sending.in_order()


def _ask(put: Put, records: Sequence[Outgoing]) -> Sequence[Mapping[str, Any]]:
    """Send one request; of one that fails as a whole every record failed."""
    entries = [each.request_entry for each in records]
    try:
        answer: Sequence[Mapping[str, Any]] = put(entries)["Records"]
    except ClientError as error:
        return [{"ErrorCode": error.response["Error"]["Code"]}] * len(records)
    except BotoCoreError as error:
        return [{"ErrorCode": type(error).__name__}] * len(records)
    return answer
