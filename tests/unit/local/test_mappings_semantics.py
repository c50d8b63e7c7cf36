"""What a mapping does after each outcome, rule by rule."""

import pytest

from local.mappings.batch import PAYLOAD_LIMIT, Batch
from local.mappings.configuration import Configuration, Unsupported, parse_configuration
from local.mappings.lane import Invoke, StepError, Wait
from local.mappings.responses import resume_at
from local.mappings.semantics import Condition, Errored, Outcome, Returned, Unreached
from local.mappings.simulation import FIRST_SEQUENCE, Simulation, configure

REPORTS = ("ReportBatchItemFailures",)
POISON = b"poison"
POISONED = b"cG9pc29u"


def accept(_batch: Batch) -> Outcome:
    return Returned(None)


def fail(_batch: Batch) -> Outcome:
    return Errored()


def raise_on_poison(batch: Batch) -> Outcome:
    poisoned = any(POISONED in record.entry for record in batch.records)
    return Errored() if poisoned else Returned(None)


def report_poison(batch: Batch) -> Outcome:
    failures = [
        {"itemIdentifier": record.sequence} for record in batch.records if POISONED in record.entry
    ]
    return Returned({"batchItemFailures": failures})


def simulate(told: Configuration, function, *, records: int, poison: int | None = None):
    simulation = Simulation(told, function)
    for number in range(records):
        simulation.put(POISON if number == poison else b"fine")
    simulation.run()
    return simulation


def numbers(simulation: Simulation) -> list[list[int]]:
    """The batches that were invoked, their records as 0, 1, 2, ..."""
    batches = (batch.records for batch in simulation.invoked)
    return [[int(record.sequence) - FIRST_SEQUENCE for record in batch] for batch in batches]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (None, 3),
        ({}, 3),
        ("", 3),
        ([], 3),
        ({"batchItemFailures": []}, 3),
        ({"batchItemFailures": None}, 3),
        ({"statusCode": 200}, 3),
        ({"batchItemFailures": [{"itemIdentifier": "{1}"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "{2}"}, {"itemIdentifier": "{1}"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "{0}"}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": 123}]}, None),
        ({"batchItemFailures": [{"sequenceNumber": "{1}"}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": "{1}"}, {"itemIdentifier": "?"}]}, None),
        ({"batchItemFailures": ["{1}"]}, None),
        ({"batchItemFailures": "{1}"}, None),
        ("done", None),
    ],
)
def test_an_answer_is_read_as_documented(response, expected):
    simulation = Simulation(configure(), accept)
    records = [simulation.put() for _ in range(3)]

    assert resume_at(fill(response, [record.sequence for record in records]), records) == expected


def fill(response, sequences):
    """Put real sequence numbers where a table says {0}, {1}, {2}."""
    if isinstance(response, dict):
        return {key: fill(value, sequences) for key, value in response.items()}
    if isinstance(response, list):
        return [fill(value, sequences) for value in response]
    return response.format(*sequences) if isinstance(response, str) else response


def test_answers_are_ignored_unless_the_mapping_asks_for_them():
    simulation = simulate(configure(), report_poison, records=3, poison=1)

    assert numbers(simulation) == [[0, 1, 2]]
    assert len(simulation.delivered) == 3


def test_a_partial_answer_resumes_at_the_lowest_number_with_a_fresh_budget():
    """As recorded on AWS: with 3 retries the poison is invoked 1 + 4 times, and 4 are reported."""
    told = configure(function_response_types=REPORTS, maximum_retry_attempts=3)

    simulation = simulate(told, report_poison, records=3, poison=2)

    assert numbers(simulation) == [[0, 1, 2], [2], [2], [2], [2]]
    (abandoned,) = simulation.abandoned
    assert (abandoned.condition, abandoned.invocations) == (Condition.RETRIES, 4)
    assert abandoned.answer is not None
    assert abandoned.answer.error is None


def test_records_after_the_reported_one_are_delivered_again():
    told = configure(function_response_types=REPORTS, maximum_retry_attempts=0)

    simulation = simulate(told, report_poison, records=4, poison=1)

    assert numbers(simulation) == [[0, 1, 2, 3], [1, 2, 3]]
    assert [len(abandoned.records) for abandoned in simulation.abandoned] == [3]


def test_bisecting_isolates_a_poison_record_without_a_single_retry():
    told = configure(bisect_batch_on_function_error=True, maximum_retry_attempts=0)

    simulation = simulate(told, raise_on_poison, records=8, poison=5)

    assert numbers(simulation) == [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [4, 5],
        [4],
        [5],
        [6, 7],
    ]
    assert [a.records for a in simulation.abandoned] == [(simulation.put_in[5],)]
    assert (simulation.shard.counts.bisects, simulation.shard.counts.retries) == (3, 0)


def test_an_exception_bisects_even_though_failures_are_reported():
    told = configure(
        bisect_batch_on_function_error=True,
        function_response_types=REPORTS,
        maximum_retry_attempts=0,
    )

    simulation = simulate(told, raise_on_poison, records=4, poison=3)

    assert numbers(simulation) == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]


def test_a_partial_answer_splits_at_its_number_when_bisecting():
    told = configure(
        bisect_batch_on_function_error=True,
        function_response_types=REPORTS,
        maximum_retry_attempts=0,
    )

    simulation = simulate(told, report_poison, records=4, poison=3)

    assert numbers(simulation) == [[0, 1, 2, 3], [3]]
    assert simulation.shard.counts.bisects == 1


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_a_failing_batch_is_invoked_once_and_then_as_often_as_the_budget_says(retries):
    simulation = simulate(configure(maximum_retry_attempts=retries), fail, records=2)

    assert numbers(simulation) == [[0, 1]] * (retries + 1)
    assert [a.invocations for a in simulation.abandoned] == [retries + 1]
    assert simulation.shard.checkpoint == simulation.put_in[-1].sequence


def test_throttling_uses_no_retry():
    outcomes = iter([Unreached(), Unreached(), Unreached(), Errored(), Unreached(), Returned(None)])
    told = configure(maximum_retry_attempts=1)

    simulation = simulate(told, lambda _: next(outcomes), records=1)

    assert len(simulation.delivered) == 1
    assert not simulation.abandoned


def test_a_record_that_is_too_old_is_abandoned_without_being_invoked():
    simulation = Simulation(configure(maximum_record_age_in_seconds=60), accept)
    old, young = simulation.put(age=61), simulation.put(age=59)
    simulation.run()

    assert [(a.records, a.condition) for a in simulation.abandoned] == [((old,), Condition.AGE)]
    assert simulation.delivered == [young]


def test_a_record_that_grows_old_while_it_is_retried_is_abandoned():
    told = configure(maximum_record_age_in_seconds=60)
    simulation = Simulation(told, lambda _: Unreached(), backoff=lambda _: 25.0)
    simulation.put()
    simulation.run()

    assert len(simulation.invoked) == 3
    assert [a.condition for a in simulation.abandoned] == [Condition.AGE]


def test_a_batch_ends_before_the_record_that_would_burst_the_payload():
    simulation = Simulation(configure(), accept)
    for _ in range(5):
        simulation.put(bytes(PAYLOAD_LIMIT // 4))
    simulation.run()

    # A quarter of the limit is a third of it in base64: two fit, with their metadata.
    assert numbers(simulation) == [[0, 1], [2, 3], [4]]


def test_a_record_beyond_the_payload_goes_to_the_destination_and_its_neighbours_on():
    simulation = Simulation(configure(batch_size=10), accept)
    first = simulation.put()
    huge = simulation.put(bytes(PAYLOAD_LIMIT * 3 // 4))
    last = simulation.put()
    simulation.run()

    assert [(a.records, a.condition) for a in simulation.abandoned] == [((huge,), Condition.SIZE)]
    assert simulation.delivered == [first, last]


def test_a_batch_waits_until_its_window_is_over():
    simulation = Simulation(configure(maximum_batching_window_in_seconds=30, batch_size=3), accept)
    began = simulation.now
    simulation.put()
    simulation.run(seconds=20)
    simulation.put()
    simulation.run()

    assert numbers(simulation) == [[0, 1]]
    assert simulation.now == began + 30


def test_a_full_batch_does_not_wait_for_its_window():
    simulation = Simulation(configure(maximum_batching_window_in_seconds=30, batch_size=2), accept)
    began = simulation.now
    simulation.put()
    simulation.put()
    simulation.run()

    assert numbers(simulation) == [[0, 1]]
    assert simulation.now == began


def test_the_checkpoint_waits_for_the_slowest_lane():
    simulation = Simulation(configure(parallelization_factor=2), accept, ends_next=max)
    records = [simulation.put(key=key) for key in ("a", "d")]
    shard, now = simulation.shard, simulation.now
    lanes = {
        step.batch.records[0]: number
        for number, step in shard.steps(now)
        if isinstance(step, Invoke)
    }
    assert len(lanes) == 2

    shard.settle(lanes[records[1]], Returned(None), now)
    assert shard.checkpoint is None

    shard.settle(lanes[records[0]], Returned(None), now)
    assert shard.checkpoint == records[1].sequence


def test_a_step_must_be_ended_by_its_own_verb():
    simulation = Simulation(configure(), accept)
    simulation.put()
    (lane,) = simulation.shard.lanes
    with pytest.raises(StepError):
        lane.settle(Returned(None), simulation.now)

    assert isinstance(lane.next(simulation.now), Invoke)
    assert lane.next(simulation.now) == Wait()
    with pytest.raises(StepError):
        lane.kept()


MAPPING = {
    "UUID": "1",
    "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:forwarder",
}


def test_what_a_mapping_leaves_out_has_the_documented_default():
    told = parse_configuration({**MAPPING, "DestinationConfig": {"OnFailure": {}}})

    assert (told.batch_size, told.parallelization_factor) == (100, 1)
    assert not told.exhausted(10_000)
    assert not told.expired(0, 1e9)
    assert told.on_failure is None


def test_a_fan_out_consumer_is_read_through_its_stream():
    told = parse_configuration(
        {**MAPPING, "EventSourceArn": f"{MAPPING['EventSourceArn']}/consumer/mine:1"}
    )

    assert told.stream_arn == MAPPING["EventSourceArn"]


@pytest.mark.parametrize(
    "setting",
    [
        {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
        {"TumblingWindowInSeconds": 10},
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sns:us-east-1:0:topic"}}},
    ],
)
def test_a_mapping_that_would_be_run_wrongly_is_refused(setting):
    with pytest.raises(Unsupported):
        parse_configuration({**MAPPING, **setting})
