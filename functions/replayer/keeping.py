"""Keeps what would fail again as dead letters of their own, as the forwarder would have."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from forwarder.dead_letters import DeadLetters
from forwarder.outcomes import Rejected

SECONDS = 60.0
"""How long keeping may take before it counts as failed, and the message stays."""


def keeper(dead_letters: DeadLetters) -> Callable[[Sequence[Rejected]], bool]:
    """Make the verb that keeps rejections and says whether all of them were kept."""

    def keep(rejections: Sequence[Rejected]) -> bool:
        deadline = dead_letters.clock() + SECONDS
        return dead_letters.keep(_apart(rejections), deadline=deadline).unkept_at is None

    return keep


def _apart(rejections: Sequence[Rejected]) -> Iterator[Rejected]:
    """Count records anew: those of several batches have the same positions."""
    positions: dict[tuple[str, str, str], int] = {}
    for rejection in rejections:
        record = rejection.document.record
        key = (record.stream, record.shard, record.sequence)
        position = positions.setdefault(key, len(positions))
        document = rejection.document._replace(record=record._replace(position=position))
        yield replace(rejection, document=document)
