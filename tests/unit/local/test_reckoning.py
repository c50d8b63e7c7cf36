"""The account finds whatever does not add up."""

from datetime import UTC, datetime
from typing import Any

import pytest

from forwarder.destinations import DESTINATIONS
from forwarder.envelope import Envelope, Origin, Rejection
from forwarder.metrics import Metric
from forwarder.outcomes import Reason
from local.dead_letters import DeadLetters
from local.figures import Figures
from local.outputs import DeployedFeed
from local.reckoning import locate, reckon
from local.shop import Arriving, Refused, ShopRecord
from pstream.send import Sent

FIRST = {"sessionId": "s-1", "eventType": "view", "sentAt": 1_790_000_000}
SECOND = FIRST | {"sentAt": 1_790_000_001, "eventId": "named"}
DERIVED = "clicks/shard-0:1#0"
BAD = b'{"itmeId": "i-1"}'


def feed(name="events"):
    return DeployedFeed(
        destination=DESTINATIONS[name],
        target="target",
        stream="clicks",
        stream_arn="arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
        function="f",
        queue_url="q",
        bucket="b",
        mapping="m",
    )


def puts():
    records = [
        ShopRecord("s-1", b"...", [Arriving(0, None, FIRST)]),
        ShopRecord("s-1", b"...", [Arriving(0, None, SECOND)]),
        ShopRecord("bad", BAD, (), [Refused(0, None, Reason.UNKNOWN_FIELD, "itmeId", BAD)]),
    ]
    return locate(records, [Sent(number, "shard-0", str(number + 1)) for number in range(3)])


def stored(*entries: dict[str, Any]):
    return [
        {"trackingId": "target", **entry, "_arrival": number, "_call": 1, "_writes": 1}
        for number, entry in enumerate(entries)
    ]


def letter(**changes: Any):
    why = {"reason": Reason.UNKNOWN_FIELD, "field": "itmeId", "detail": "no such field"}
    return Envelope(
        feed="events",
        stage="local",
        **why,
        rejections=(Rejection(**why),),
        origin=Origin(
            stream="a", shard="shard-0", sequence="3", document=0, arrival=datetime.now(UTC)
        ),
        at=datetime.now(UTC),
        function="f:1",
    ).model_copy(update={"data": BAD} | changes)


FIGURES = Figures(
    {
        Metric.RECORDS: 3,
        Metric.DELIVERED: 2,
        Metric.REJECTED: 1,
        Metric.CALLS: 1,
        Metric.FEWEST_CALLS: 1,
    }
)
ALL = (FIRST | {"eventId": DERIVED}, SECOND)


def problems(*, entries=ALL, letters=None, abandoned=(), figures=FIGURES):
    rejected = [letter()] if letters is None else letters
    return reckon(
        feed(),
        puts(),
        stored=stored(*entries),
        dead_letters=DeadLetters(rejected, abandoned),
        figures=figures,
    ).problems


def test_what_adds_up_has_no_problems():
    assert problems() == []


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({"entries": ALL[:1]}, "entry is missing: named"),
        ({"entries": (*ALL, FIRST | {"eventId": "x"})}, "entry was not expected: x"),
        ({"entries": (*ALL, SECOND)}, "an eventId is stored more than once"),
        ({"entries": (ALL[0], SECOND | {"itemId": "i"})}, "entry is not what was sent: named"),
        ({"entries": ALL[::-1]}, "session is not in stream order: ('s-1', None)"),
        ({"letters": []}, "rejection is missing: ('3', 0, None)"),
        ({"letters": [letter(data=b"?")]}, "rejection is not what was sent: ('3', 0, None)"),
        ({"abandoned": ["key"]}, "batch was abandoned: key"),
        ({"figures": FIGURES + Figures([Metric.RECORDS])}, "Records: got 4, wanted 3"),
        ({"figures": FIGURES + Figures([Metric.CALLS])}, "CallsMade: got 2, wanted 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_add_up_is_named(found, problem):
    assert problem in problems(**found)


def test_a_throttled_call_is_not_one_too_many():
    assert problems(figures=FIGURES + Figures([Metric.CALLS, Metric.THROTTLES])) == []


def test_of_upserts_the_newest_state_is_wanted():
    states = [{"itemId": "i", "properties": {"price": price}} for price in (1, 2)]
    records = [ShopRecord("i", b"", [Arriving(0, None, state)]) for state in states]
    sent = locate(records, [Sent(number, "shard-0", str(number)) for number in range(2)])
    nothing = DeadLetters([], [])
    figures = Figures({Metric.RECORDS: 2, Metric.DELIVERED: 2})

    def outcome(price):
        entry = {"datasetArn": "target", "itemId": "i", "properties": f'{{"price": {price}}}'}
        return reckon(
            feed("items"), sent, stored=[entry], dead_letters=nothing, figures=figures
        ).problems

    assert outcome(2) == []
    assert outcome(1) == ["state is not what was sent: i"]
