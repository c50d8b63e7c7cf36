"""Records of every feed through the deployed functions to the endpoint, and back."""

from collections import Counter
from math import ceil
from urllib.parse import unquote_plus

import orjson
import pytest

from forwarder.destinations import DESTINATIONS
from local.dead_letters import read_dead_letters
from local.demo import put
from local.shop import ShopRecord
from local.shop.flaws import flaws

FEEDS = list(DESTINATIONS)
TIME = 1_790_000_000
RULES = [
    (feed, number, f"{flaw.reason}-{flaw.field or 'whole'}")
    for feed in FEEDS
    for number, flaw in enumerate(flaws(DESTINATIONS[feed], "target", TIME))
]


@pytest.mark.parametrize("feed", FEEDS)
def test_every_record_of_a_shop_is_accounted_for(done, feed):
    assert done.accounts[feed].records == len(done.shop[feed])
    assert done.accounts[feed].problems == []


@pytest.mark.parametrize("feed", ["events", "action-interactions"])
def test_a_batch_costs_the_fewest_calls_that_the_api_allows(done, feed):
    shares = Counter(
        tuple(each.body.get(name) for name in DESTINATIONS[feed].shared)
        for record in done.shop[feed]
        for each in record.arriving
    )

    assert done.calls[feed] == sum(ceil(count / 10) for count in shares.values())


@pytest.mark.parametrize(
    ("feed", "number"),
    [rule[:2] for rule in RULES],
    ids=[f"{feed}-{number}-{rule}" for feed, number, rule in RULES],
)
def test_a_poison_record_of_each_rule_is_the_only_one_lost(deployed, done, feed, number):
    put_ = next(p for p in done.puts[feed] if p.record.partition_key == f"bad-{number:02}")
    (refused,) = put_.record.refused

    (letter,) = [
        each for each in done.letters[feed].rejected if each.origin.sequence == put_.sequence
    ]

    assert (letter.reason, letter.field, letter.data) == (
        refused.reason,
        refused.field,
        refused.data,
    )
    assert letter.origin.stream == deployed.feeds[feed].stream_arn
    assert letter.origin.partition_key == f"bad-{number:02}"


def test_an_abandoned_batch_is_kept_whole_and_announced(stack):
    feed = stack.feeds["actions"]
    known = set(read_dead_letters(stack.clients, feed).abandoned)
    stack.clients.functions.update_event_source_mapping(
        UUID=feed.mapping, MaximumRetryAttempts=1, BisectBatchOnFunctionError=False
    )
    stack.personalize.faults([{"action": "reset", "operation": "PutActions"}])

    put(
        stack,
        feed,
        [ShopRecord("a-1", b'{"actionId": "a-1"}'), ShopRecord("a-2", b'{"actionId": "a-2"}')],
    )
    drained = stack.run_mappings().drained(120)
    stack.personalize.faults([])

    assert drained
    (key,) = set(read_dead_letters(stack.clients, feed).abandoned) - known
    stored = stack.clients.objects.get_object(Bucket=feed.bucket, Key=unquote_plus(key))
    batch = orjson.loads(orjson.loads(stored["Body"].read())["payload"])
    assert [each["kinesis"]["partitionKey"] for each in batch["Records"]] == ["a-1", "a-2"]
