"""The demo's last act: an operator mends one dead letter and replays it, with the real command."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from forwarder.envelope import Envelope
from forwarder.outcomes import Reason
from forwarder.parse import event_id
from local.deployment import environment
from local.emulator import ROOT
from local.process import Process
from local.stack import Stack

FEED = "events"
REASON = Reason.UNKNOWN_FIELD
COMMAND = (
    *("pstream", "dead-letters", "replay", "--stage", "local", "--feed", FEED),
    *("--reason", REASON.value, "--rename", "itmeId=itemId", "--yes"),
)
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """What an operator typed, what it answered, and whether the entry arrived.

    Attributes:
        command: As typed.
        output: As printed.
        event_id: The id by which the entry is found, from its first origin.
        problems: What is wrong with that; empty if the entry arrived, once and mended.
    """

    command: str
    output: str
    event_id: str
    problems: Sequence[str]


def replay(stack: Stack, letter: Envelope) -> Replayed:
    """Mend and replay a dead letter, wait for its delivery, and look for it at the endpoint."""
    log = stack.directory / "replay.log"
    typed = " ".join(COMMAND)
    with Process(
        typed,
        [sys.executable, "-m", *COMMAND],
        log=log,
        environment=environment(stack.directory, stack.url),
        directory=ROOT,
    ) as process:
        process.finish()
    drained = stack.run_mappings().drained(PATIENCE)
    wanted = first_event_id(letter)
    found = [
        entry for entry in stack.personalize.entries("PutEvents") if entry["eventId"] == wanted
    ]
    problems = [] if drained else [f"the stream is not empty after {PATIENCE:.0f} s"]
    if len(found) != 1 or "itemId" not in found[0]:
        problems.append(f"{len(found)} events have the replayed id, wants one with its item")
    return Replayed(typed, log.read_text(), wanted, problems)


def first_event_id(letter: Envelope) -> str:
    """The `eventId` of a rejected document, as the forwarder derives it."""
    document = letter.origin.document_of(letter.data or b"")
    return event_id(document, letter.rejections[0].element)
