"""Where reading starts, goes on and ends; what survives a restart."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.mappings.actions import invoke, keep
from local.mappings.batch import Batch
from local.mappings.checkpoints import Checkpoints
from local.mappings.clients import Clients
from local.mappings.events import Origin, make_record
from local.mappings.lineage import identify, ready
from local.mappings.reading import Reader
from local.mappings.semantics import Abandon, Condition, Unreached
from local.mappings.simulation import configure

SHARD = "shardId-000000000000"
SINCE = 1_790_000_000.0


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Operation")


@dataclass
class FakeKinesis:
    """Answers with the pages it was given; an error among them is raised."""

    pages: list[Any]
    positions: list[dict[str, Any]] = field(default_factory=list)

    def get_shard_iterator(self, **position: Any) -> dict[str, Any]:
        self.positions.append(position)
        return {"ShardIterator": "iterator"}

    def get_records(self, **_: Any) -> dict[str, Any]:
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return {"Records": [{"SequenceNumber": s} for s in page], "NextShardIterator": "next"}


def reader(kinesis: Any, *, after: str | None = None, **settings: Any) -> Reader:
    return Reader(kinesis, configure(**settings), SHARD, after=after, since=SINCE)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"ShardIteratorType": "TRIM_HORIZON"}),
        (
            {"starting_position": "LATEST"},
            {
                "ShardIteratorType": "AT_TIMESTAMP",
                "Timestamp": datetime.fromtimestamp(SINCE, UTC),
            },
        ),
        (
            {"starting_position": "AT_TIMESTAMP", "starting_position_timestamp": 5},
            {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": datetime.fromtimestamp(5, UTC)},
        ),
        ({"starting_position": "AT_TIMESTAMP"}, {"ShardIteratorType": "TRIM_HORIZON"}),
    ],
)
def test_a_shard_without_a_checkpoint_is_read_from_where_the_mapping_says(settings, expected):
    kinesis = FakeKinesis([[]])
    reader(kinesis, **settings).read()

    stream = {"StreamARN": configure().stream_arn, "ShardId": SHARD}
    assert kinesis.positions == [{**stream, **expected}]


def test_a_checkpoint_outranks_the_starting_position():
    kinesis = FakeKinesis([[]])
    reader(kinesis, after="7", starting_position="LATEST").read()

    assert kinesis.positions[0]["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER"
    assert kinesis.positions[0]["StartingSequenceNumber"] == "7"


def test_an_expired_iterator_is_replaced_behind_the_last_record_that_was_read():
    kinesis = FakeKinesis([["1", "2"], refusal("ExpiredIteratorException"), ["3"]])
    reading = reader(kinesis)

    pages = [reading.read(), reading.read()]

    assert [[record["SequenceNumber"] for record in page.records] for page in pages] == [
        ["1", "2"],
        ["3"],
    ]
    assert kinesis.positions[1]["StartingSequenceNumber"] == "2"


def test_a_shard_that_is_gone_has_ended():
    assert reader(FakeKinesis([refusal("ResourceNotFoundException")])).read().ended


def test_another_refusal_is_passed_on_and_the_read_can_be_repeated():
    reading = reader(FakeKinesis([refusal("ProvisionedThroughputExceededException"), ["1"]]))
    with pytest.raises(ClientError):
        reading.read()

    assert len(reading.read().records) == 1


def shard(number: int, *parents: int) -> Any:
    names = ["ParentShardId", "AdjacentParentShardId"]
    return {
        "ShardId": f"shardId-{number}",
        "SequenceNumberRange": {"StartingSequenceNumber": str(number)},
        **{name: f"shardId-{parent}" for name, parent in zip(names, parents, strict=False)},
    }


@pytest.mark.parametrize(
    ("shards", "started", "ended", "expected"),
    [
        ([shard(0), shard(1)], [], [], [0, 1]),
        ([shard(0), shard(1, 0)], [], [], [0]),
        ([shard(0), shard(1, 0), shard(2, 0)], [0], [], []),
        ([shard(0), shard(1, 0), shard(2, 0)], [0], [0], [1, 2]),
        ([shard(0), shard(1), shard(2, 0, 1)], [0, 1], [0], []),
        ([shard(0), shard(1), shard(2, 0, 1)], [0, 1], [0, 1], [2]),
        ([shard(2, 0, 1)], [], [], [2]),
        # A parent that was dropped from the list while its records are still delivered.
        ([shard(1, 0)], [0], [], []),
    ],
)
def test_children_start_when_all_their_parents_have_ended(shards, started, ended, expected):
    listed = {identify(one): one for one in shards}

    picked = ready(
        listed,
        started={identify(shard(number)) for number in started},
        ended={identify(shard(number)) for number in ended},
    )

    assert picked == tuple(identify(shard(number)) for number in expected)


def test_a_shard_of_a_stream_that_was_created_anew_is_another_one():
    before, after = shard(0), shard(0) | {"SequenceNumberRange": {"StartingSequenceNumber": "9"}}

    assert ready({identify(after): after}, started={identify(before)}, ended={identify(before)})


def test_checkpoints_are_read_back_after_a_restart(tmp_path):
    path = tmp_path / "state.json"
    before = Checkpoints(path)
    assert before.since("mapping", 5.0) == 5.0
    before.put("mapping", SHARD, "17")

    after = Checkpoints(path)

    assert after.since("mapping", 9.0) == 5.0
    assert after.after("mapping", SHARD) == "17"
    assert after.after("mapping", "another") is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def clients(**verbs: Callable[..., Any]) -> Clients:
    """Clients of which only these operations work."""
    client: Any = type("FakeClient", (), {name: staticmethod(verb) for name, verb in verbs.items()})
    return Clients(kinesis=client, functions=client, queues=client, objects=client)


def refuse(**_: Any) -> None:
    raise refusal("TooManyRequestsException")


def origin(destination: str | None = None) -> Origin:
    return Origin(configure(on_failure=destination), SHARD, "role")


RECORD = make_record(origin(), "1", b"data", key="a", arrival=SINCE)


def test_a_throttled_invocation_did_not_reach_the_function():
    assert invoke(clients(invoke=refuse), origin(), Batch((RECORD,))) == Unreached()


@pytest.mark.parametrize("destination", [None, "arn:aws:s3:::bucket"])
def test_records_that_no_destination_takes_are_reported_as_dropped(destination):
    abandoned = Abandon((RECORD,), Condition.RETRIES)

    assert not keep(clients(put_object=refuse), origin(destination), abandoned, SINCE)
