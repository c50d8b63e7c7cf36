"""The bench is honest: each contender delivers every event, and the page says what was measured."""

import json
from contextlib import ExitStack

import pytest

from tests.benchmarks.batches import batch
from tests.benchmarks.handlers import BATCH_PROCESSOR, FLOOR, SAMPLE, US, Runs, pool
from tests.benchmarks.redelivery import CONTENDERS, Service, redelivery
from tests.benchmarks.stub import Stub


@pytest.mark.parametrize(
    "contender", [SAMPLE, BATCH_PROCESSOR, pool(4), US, FLOOR], ids=lambda each: each.label
)
def test_a_contender_delivers_every_event_with_the_calls_it_should_make(contender, tmp_path):
    """A run in which an event is missing raises."""
    with Stub() as stub, ExitStack() as stack:
        (row,) = Runs(stub, tmp_path, stack).measure({contender: 1}, (60, "Zipf", 0.0))

    one_a_record = contender in {SAMPLE, BATCH_PROCESSOR}
    assert row["calls"] == (60 if one_a_record else row["fewest"])
    assert row["cpu"] > 0
    assert row["memory"] > 0


def test_a_run_that_loses_an_event_fails(tmp_path):
    with Stub() as stub, ExitStack() as stack:
        runs = Runs(stub, tmp_path, stack)
        runs.measure({FLOOR: 1}, (20, "1", 0.0))
        runs.keep(20, "1", batch(19, "1").event)
        with pytest.raises(RuntimeError, match="19 of 20 events"):
            runs.measure({FLOOR: 1}, (20, "1", 0.0))


@pytest.mark.parametrize("contender", CONTENDERS)
def test_without_throttling_nothing_is_delivered_twice(contender):
    row = redelivery(contender, Service(share=0.0, stubborn=True), 100)

    assert (row["deliveries"], row["undelivered"], row["times"]) == (1, 0, 1.0)


def test_the_endpoint_waits_as_long_as_it_is_told(tmp_path):
    with Stub() as stub, ExitStack() as stack:
        (row,) = Runs(stub, tmp_path, stack).measure({FLOOR: 1}, (20, "10", 0.05))

    assert row["wall"] >= 0.05


def test_the_same_batch_is_made_each_time():
    assert json.dumps(batch(50, "Zipf").event) == json.dumps(batch(50, "Zipf").event)
