"""The shop: the same for a seed, and right about what has to become of its records."""

import base64
from collections import Counter, defaultdict

import orjson
import pytest

from forwarder.destinations import DESTINATIONS
from forwarder.outcomes import Reason, Record, Rejected
from forwarder.parse import Parser, event_id
from forwarder.records import unpack
from local.shop import make_records

NOW = 1_790_000_000
TARGETS = {
    name: f"tracker-of-{name}"
    if destination.target == "trackingId"
    else f"arn:aws:personalize:us-east-1:000000000000:dataset/shop/{name.upper()}"
    for name, destination in DESTINATIONS.items()
}
OUT_OF_REACH = {Reason.NOT_BASE64, Reason.REFUSED}
"""What no record on Kinesis can be, and what Personalize alone can say."""


def shop(seed=1):
    return make_records(seed=seed, now=NOW, targets=TARGETS, size=500)


def test_the_same_seed_gives_the_same_shop_and_another_seed_another():
    assert shop(1) == shop(1)
    assert shop(1) != shop(2)


def test_the_bad_records_break_every_rule_that_a_producer_can_break():
    broken = {refused.reason for record in shop()["events"] for refused in record.refused}

    assert broken == set(Reason) - OUT_OF_REACH


def test_sessions_are_long_and_short_and_turn_from_anonymous_to_known():
    users: defaultdict[str, set[str | None]] = defaultdict(set)
    lengths: Counter[str] = Counter()
    for record in shop()["events"]:
        for each in record.arriving:
            users[each.body["sessionId"]].add(each.body.get("userId"))
            lengths[each.body["sessionId"]] += 1

    assert {1} < set(lengths.values())
    assert max(lengths.values()) > 20
    assert any(None in known and len(known) == 2 for known in users.values())


def test_a_session_is_sent_in_the_order_of_its_events():
    times: defaultdict[str, list[int]] = defaultdict(list)
    for record in shop()["events"]:
        for each in record.arriving:
            times[each.body["sessionId"]].append(each.body["sentAt"])

    assert all(sorted(each) == each for each in times.values())


@pytest.mark.parametrize("feed", DESTINATIONS)
def test_the_forwarder_understands_every_record_as_the_shop_means_it(feed):
    parse = Parser(DESTINATIONS[feed], TARGETS[feed])
    for position, sent in enumerate(shop()[feed]):
        data = base64.b64encode(sent.data).decode()
        record = Record(position, str(position), "s-0", "a:b/c", sent.partition_key, NOW, data)

        parsed = [
            each
            for document in unpack(record)
            for each in ([document] if isinstance(document, Rejected) else parse(document))
        ]

        assert meant(sent) == understood(DESTINATIONS[feed], parsed)


def meant(sent):
    arriving = {(each.document, each.element): dict(each.body) for each in sent.arriving}
    refused = {
        (each.document, each.element): (each.reason, each.field, each.data) for each in sent.refused
    }
    return arriving | refused


def understood(destination, parsed):
    outcomes = {}
    for each in parsed:
        if isinstance(each, Rejected):
            outcome = (each.reason, each.field, each.document.data)
        else:
            outcome = body_of(destination, each)
        outcomes[each.document.number, each.element] = outcome
    return outcomes


def body_of(destination, entry):
    call = orjson.loads(entry.shared + entry.body + b"]}")
    (element,) = call.pop(destination.entries)
    call.pop(destination.target)
    if "properties" in element:
        element["properties"] = orjson.loads(element["properties"])
    if element.get("eventId") == event_id(entry.document, entry.element):
        del element["eventId"]
    return call | element
