"""What holds for every mapping, every record and every schedule of outcomes."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from local.mappings.batch import FRAME, PAYLOAD_LIMIT, Batch
from local.mappings.configuration import INFINITE, Configuration
from local.mappings.events import event
from local.mappings.semantics import Condition, Errored, Outcome, Returned, Unreached
from local.mappings.simulation import Simulation, configure

MOST_THROTTLES = 3


@dataclass
class Moody:
    """A function that fails as it is told, and throttles only so often in a row."""

    draw: st.DataObject
    throttled: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def __call__(self, batch: Batch) -> Outcome:
        sequences = tuple(record.sequence for record in batch.records)
        moods = ["accept", "report", "raise", "malformed"]
        if self.throttled[sequences] < MOST_THROTTLES:
            moods.append("throttle")
        match self.draw.draw(st.sampled_from(moods)):
            case "accept":
                return Returned(None)
            case "report":
                failed = self.draw.draw(st.lists(st.sampled_from(sequences), max_size=3))
                return Returned({"batchItemFailures": [{"itemIdentifier": f} for f in failed]})
            case "malformed":
                return Returned({"batchItemFailures": [{"itemIdentifier": ""}]})
            case "throttle":
                self.throttled[sequences] += 1
                return Unreached()
        return Errored()


mappings = st.builds(
    configure,
    batch_size=st.integers(1, 6),
    maximum_batching_window_in_seconds=st.sampled_from([0, 5]),
    parallelization_factor=st.integers(1, 4),
    maximum_retry_attempts=st.integers(0, 3),
    maximum_record_age_in_seconds=st.sampled_from([INFINITE, 60]),
    bisect_batch_on_function_error=st.booleans(),
    function_response_types=st.sampled_from([(), ("ReportBatchItemFailures",)]),
)
arrivals = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from([0.0, 30.0, 61.0])),
    max_size=12,
)


def simulate(told: Configuration, keys, data: st.DataObject) -> Simulation:
    simulation = Simulation(
        told,
        Moody(data),
        ends_next=lambda lanes: data.draw(st.sampled_from(lanes)),
        backoff=lambda number: 7.0 * number,
    )
    for key, age in keys:
        simulation.put(key=key, age=age)
        if data.draw(st.booleans()):
            simulation.run(seconds=data.draw(st.sampled_from([0.0, 1.0, 20.0])))
    simulation.run()
    return simulation


@given(mappings, arrivals, st.data())
def test_every_record_ends_once_and_the_checkpoint_behind_the_last(told, keys, data):
    simulation = simulate(told, keys, data)

    kept = [record for abandoned in simulation.abandoned for record in abandoned.records]
    ends = sorted(record.sequence for record in [*simulation.delivered, *kept])
    assert ends == [record.sequence for record in simulation.put_in]
    assert simulation.shard.backlog == simulation.shard.in_flight == 0
    assert simulation.shard.checkpoint == (ends[-1] if ends else None)


@given(mappings, arrivals, st.data())
def test_records_of_a_key_are_delivered_in_order(told, keys, data):
    simulation = simulate(told, keys, data)

    by_key = defaultdict(list)
    for record in simulation.delivered:
        by_key[record.key].append(record.sequence)
    by_key.pop(None, None)
    assert all(sequences == sorted(sequences) for sequences in by_key.values())


@given(mappings, arrivals, st.data())
def test_no_batch_is_invoked_more_often_than_the_budget_says(told, keys, data):
    simulation = simulate(told, keys, data)

    most = 1 + told.maximum_retry_attempts
    assert all(batch.retries <= told.maximum_retry_attempts for batch in simulation.invoked)
    for abandoned in simulation.abandoned:
        assert abandoned.invocations <= most
        assert abandoned.condition is not Condition.SIZE


@given(mappings, arrivals, st.data())
def test_no_batch_is_larger_or_older_than_the_mapping_says(told, keys, data):
    simulation = Simulation(told, Moody(data))
    for key, age in keys:
        simulation.put(key=key, age=age)
    invoked_at = simulation.now
    simulation.run(seconds=0)

    for batch in simulation.invoked:
        assert 0 < len(batch.records) <= told.batch_size
        assert not any(told.expired(record.arrival, invoked_at) for record in batch.records)


@given(
    st.integers(1, 12), st.integers(0, 11), st.integers(1, 4), st.integers(0, 2), st.integers(1, 12)
)
def test_bisecting_costs_a_poison_record_and_no_other(records, poison, factor, retries, batch_size):
    told = configure(
        bisect_batch_on_function_error=True,
        parallelization_factor=factor,
        maximum_retry_attempts=retries,
        batch_size=batch_size,
    )
    poison %= records

    def function(batch: Batch) -> Outcome:
        entries = json.loads(event(batch.records))["Records"]
        keys = [entry["kinesis"]["partitionKey"] for entry in entries]
        return Errored() if str(poison) in keys else Returned(None)

    simulation = Simulation(told, function)
    for number in range(records):
        simulation.put(key=str(number))
    simulation.run()

    assert [a.records for a in simulation.abandoned] == [(simulation.put_in[poison],)]
    assert len(simulation.delivered) == records - 1


@given(st.lists(st.integers(0, PAYLOAD_LIMIT // 2), min_size=1, max_size=6))
def test_an_event_never_exceeds_the_payload_limit_and_its_size_is_known(sizes):
    simulation = Simulation(configure(), lambda _: Returned(None))
    for size in sizes:
        simulation.put(bytes(size))
    simulation.run()

    for batch in simulation.invoked:
        length = len(event(batch.records))
        assert length <= PAYLOAD_LIMIT
        assert length == FRAME + sum(record.size for record in batch.records) - 1
