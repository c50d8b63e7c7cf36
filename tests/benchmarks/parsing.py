"""What parsing one record costs, base64 included: ours against the usual ways."""

import json
import os
import statistics
import sys
import time
from base64 import b64decode
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

import orjson
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
from aws_lambda_powertools.utilities.parser import envelopes, parse
from pydantic import TypeAdapter

from tests.benchmarks.batches import batch
from tests.benchmarks.contenders import shipped
from tests.benchmarks.contenders.batch_processor import Event
from tests.benchmarks.machine import CLIENT_CPUS, pin

RECORDS = 500


def _ours() -> Callable[[dict[str, Any]], object]:
    shipped.connect(1)
    from forwarder.handler import parse as parse_document  # noqa: PLC0415 - needs the settings
    from forwarder.records import decode, unpack  # noqa: PLC0415 - the same

    return lambda event: [
        parse_document(document)  # type: ignore[arg-type] # all are good
        for record in decode(event)
        for document in unpack(record)
    ]


def _data(event: dict[str, Any]) -> list[str]:
    return [record["kinesis"]["data"] for record in event["Records"]]


def ways() -> dict[str, Callable[[dict[str, Any]], object]]:
    """Each way to parse a batch, by what the table calls it."""
    adapter = TypeAdapter(Event)
    return {
        "us: every rule checked, ready for the wire": _ours(),
        "Powertools `parse` with the Kinesis envelope": lambda event: parse(
            event, model=Event, envelope=envelopes.KinesisDataStreamEnvelope
        ),
        "Powertools data class, `model_validate_json`": lambda event: [
            Event.model_validate_json(record.kinesis.data_as_bytes())
            for record in KinesisStreamEvent(event).records
        ],
        "base64, `TypeAdapter.validate_json`": lambda event: [
            adapter.validate_json(a2b_base64(data)) for data in _data(event)
        ],
        "base64, `json.loads`": lambda event: [
            json.loads(b64decode(each)) for each in _data(event)
        ],
        "base64, `orjson.loads`": lambda event: [
            orjson.loads(a2b_base64(each)) for each in _data(event)
        ],
    }


def main() -> None:
    """Print microseconds a record: medians of rounds in which all take turns."""
    pin(CLIENT_CPUS)
    answers = os.dup(1)
    os.dup2(2, 1)
    event = batch(RECORDS, "Zipf").event
    measured = ways()
    taken: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(int(sys.argv[1])):
        for name, way in measured.items():
            start = time.process_time()
            way(event)
            taken[name].append((time.process_time() - start) / RECORDS * 1e6)
    medians = {name: statistics.median(rounds) for name, rounds in taken.items()}
    os.write(answers, json.dumps(medians).encode())


if __name__ == "__main__":
    main()
