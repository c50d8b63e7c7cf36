"""What a function's answer says about its batch, when the mapping reports item failures."""

from collections.abc import Sequence
from typing import Any

from local.mappings.batch import Record


def resume_at(response: Any, records: Sequence[Record]) -> int | None:
    """Find where the batch has to be resumed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html

    Returns:
        The index of the first record to deliver again: the one with the lowest reported sequence
        number, or `len(records)` when everything was accepted. None means complete failure: an
        identifier that is empty, null, under another name or not of this batch. An answer that
        is no object and not empty is undocumented; it counts as a failure here, so that a
        handler that answers by accident is noticed.
    """
    if not response:
        return len(records)
    if not isinstance(response, dict):
        return None
    failures = response.get("batchItemFailures")
    if not failures:
        return len(records)
    if not isinstance(failures, list):
        return None
    positions = {record.sequence: index for index, record in enumerate(records)}
    found = [_position(failure, positions) for failure in failures]
    known = [index for index in found if index is not None]
    return min(known) if len(known) == len(found) else None


def _position(failure: Any, positions: dict[str, int]) -> int | None:
    sequence = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    return positions.get(sequence) if isinstance(sequence, str) else None
