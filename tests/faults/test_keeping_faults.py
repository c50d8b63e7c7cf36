"""Case 37: the dead letters themselves cannot be kept."""

from collections.abc import Callable, Iterator

import pytest
from builders import document_of
from gate import Gate, Passage, gate
from rig import BACKOFF, Addresses, Rig

from forwarder.dead_letters import MOST_INLINE_BYTES

LARGE = b"x" * (MOST_INLINE_BYTES + 1)


@pytest.fixture
def guarded(cloud, rig) -> Iterator[tuple[Rig, Gate]]:
    """A rig whose forwarder reaches queue and bucket through a gate only."""
    with gate(cloud.url) as before_aws:
        shard = rig(
            addresses=lambda _endpoint, _cloud: Addresses(aws=before_aws.url),
            maximum_retry_attempts=-1,
        )
        shard.seconds = 2.0
        yield shard, before_aws
        shard.end_worker()


def put_mixed(shard: Rig) -> tuple[str, str]:
    """Good records around one that is rejected inline and one that goes to the bucket."""
    shard.good(3)
    small = shard.put(document_of("events", itmeId="typo"))
    shard.good(3)
    large = shard.put(LARGE)
    shard.good(3)
    return small, large


def is_queue(passage: Passage) -> bool:
    return "amazonsqs" in passage.request.headers.get("x-amz-target", "").lower()


def refusing(status: int, code: str) -> Callable[[Passage], None]:
    return lambda passage: passage.refuse(status, code)


@pytest.mark.case(37)
@pytest.mark.parametrize(
    "attend",
    [
        refusing(400, "AccessDenied"),
        refusing(400, "ThrottlingException"),
        refusing(503, "ServiceUnavailable"),
        Passage.hang,
    ],
    ids=["denied", "throttled", "unavailable", "hang"],
)
def test_what_cannot_be_kept_is_never_acknowledged(guarded, attend):
    shard, before_aws = guarded
    small, _ = put_mixed(shard)
    before_aws.attend = attend

    shard.run(seconds=BACKOFF + 1)

    assert set(shard.resumes) == {small}
    balance = shard.balance().check(redelivered=True)
    assert (balance.rejected, balance.delivered, balance.waiting) == (0, 9, 2)

    before_aws.attend = lambda _: None
    shard.run()
    # An attempt that was given up may still reach the queue: the same dead letter again.
    balance = shard.balance().check(redelivered=True)
    assert (balance.rejected, balance.delivered, balance.waiting) == (2, 9, 0)
    assert {each["_writes"] for each in shard.stored()} == {1}, (
        "sent again while the queue was away"
    )


@pytest.mark.case(37)
def test_a_bucket_that_refuses_holds_the_large_one_and_keeps_the_small_one(guarded):
    shard, before_aws = guarded
    small, large = put_mixed(shard)

    def attend(passage: Passage) -> None:
        if not is_queue(passage):
            passage.refuse(403, "AccessDenied")

    before_aws.attend = attend
    shard.run(seconds=1)
    assert shard.resumes[0] in {small, large}
    assert large not in shard.reasons()

    before_aws.attend = lambda _: None
    shard.run()
    balance = shard.balance().check(redelivered=True)
    assert (balance.rejected, balance.delivered, balance.waiting) == (2, 9, 0)


@pytest.mark.case(37)
def test_a_record_over_the_queues_limit_and_characters_it_refuses_are_kept(rig):
    shard = rig()
    shard.good()
    shard.put(b"\x00\x01\x1f\x7f\xff\xfe")
    shard.put(b"{" + bytes(range(256)) * 4096)
    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (1, 2)
    assert len(shard.store.keys("rejected/")) == 1


@pytest.mark.case(37)
def test_an_answer_of_the_queue_that_is_lost_repeats_the_dead_letter_and_loses_none(guarded):
    shard, before_aws = guarded
    put_mixed(shard)

    def attend(passage: Passage) -> None:
        passage.pass_on()
        passage.reset()
        before_aws.attend = lambda _: None

    before_aws.attend = attend
    shard.run()

    balance = shard.balance().check(redelivered=True)
    assert (balance.rejected, balance.delivered) == (2, 9)
