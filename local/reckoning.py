"""Whether what was sent is what arrived: every record, every entry, every rejection."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forwarder.envelope import Envelope
from forwarder.metrics import Metric
from forwarder.outcomes import Reason
from local.dead_letters import DeadLetters
from local.figures import Figures
from local.outputs import DeployedFeed
from local.shop import ShopRecord
from pstream.send import Sent

_SHOWN = 3
"""How many examples a problem names."""

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Put:
    """One record of the shop, and where it is on the stream."""

    record: ShopRecord
    shard: str
    sequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of one feed's records, and what is wrong with that.

    Attributes:
        feed: The feed's name.
        records: Records on the stream.
        delivered: Entries that Personalize accepted, or that a newer one stands for.
        stored: Entries that can be read back.
        calls: Calls made.
        fewest_calls: The fewest that the API allows for what each invocation had to send.
        throttled: Calls that the API throttled, and that were made again.
        rejected: Entries and documents in the dead letters, by reason.
        dead_letters: Messages in the queue.
        problems: What does not add up; empty if everything does.
    """

    feed: str
    records: int
    delivered: int
    stored: int
    calls: int
    fewest_calls: int
    throttled: int
    rejected: Mapping[Reason, int]
    dead_letters: int
    problems: Sequence[str]


def locate(records: Sequence[ShopRecord], sent: Iterable[Sent]) -> list[Put]:
    """Join records with where they are, in stream order."""
    puts = [Put(records[each.position], each.shard, each.sequence) for each in sent]
    return sorted(puts, key=lambda put: int(put.sequence))


def reckon(
    feed: DeployedFeed,
    puts: Sequence[Put],
    *,
    stored: Sequence[Entry],
    dead_letters: DeadLetters,
    figures: Figures,
) -> Account:
    """Compare what was sent with what can be read back, in both directions."""
    arrived = [_readable(entry, feed.destination.target) for entry in stored]
    if feed.destination.identity:
        problems = _check_state(feed.destination.identity, puts, arrived)
    else:
        problems = _check_entries(feed.stream, puts, arrived)
    return Account(
        feed=feed.name,
        records=len(puts),
        delivered=figures[Metric.DELIVERED],
        stored=len(stored),
        calls=figures[Metric.CALLS],
        fewest_calls=figures[Metric.FEWEST_CALLS],
        throttled=figures[Metric.THROTTLES],
        rejected=Counter(
            rejection.reason for letter in dead_letters.rejected for rejection in letter.rejections
        ),
        dead_letters=dead_letters.count,
        problems=[
            *problems,
            *_check_rejections(puts, dead_letters),
            *_check_figures(puts, figures),
        ],
    )


def _readable(entry: Entry, target: str) -> dict[str, Any]:
    """An entry without the endpoint's own notes and the target, its properties as an object."""
    plain = {name: each for name, each in entry.items() if name[0] != "_" and name != target}
    if "properties" in plain:
        plain["properties"] = json.loads(plain["properties"])
    return plain


def _check_state(identity: str, puts: Sequence[Put], arrived: Sequence[Entry]) -> Iterator[str]:
    """Upserts: of each id the newest state is there, and no other."""
    newest = {body[identity]: body for put in puts for body in _bodies(put)}
    found = {entry[identity]: entry for entry in arrived}
    yield from _compare("state", newest, found)


def _check_entries(stream: str, puts: Sequence[Put], arrived: Sequence[Entry]) -> Iterator[str]:
    """Events: each is there as it was sent, once, and the sessions' order is the stream's."""
    sent = [event for put in puts for event in _events(stream, put)]
    yield from _compare(
        "entry",
        {each["eventId"]: each for each in sent},
        {each["eventId"]: each for each in arrived},
    )
    if len(arrived) != len({each["eventId"] for each in arrived}):
        yield "an eventId is stored more than once"
    wanted, found = _by_session(sent), _by_session(arrived)
    overtaken = [each for each in wanted if wanted[each] != found.get(each)]
    yield from _some("session is not in stream order", overtaken)


def _bodies(put: Put) -> Iterator[Entry]:
    return (each.body for each in put.record.arriving)


def _events(stream: str, put: Put) -> Iterator[Entry]:
    """What a record has to deliver; an event without an id gets the one of its place."""
    for each in put.record.arriving:
        element = "" if each.element is None else f".{each.element}"
        derived = f"{stream}/{put.shard}:{put.sequence}#{each.document}{element}"
        yield {"eventId": derived, **each.body}


def _by_session(events: Iterable[Entry]) -> dict[tuple[Any, Any], list[str]]:
    """Ids in order, by what one call shares: order between an anonymous and a known is not told."""
    sessions: defaultdict[tuple[Any, Any], list[str]] = defaultdict(list)
    for event in events:
        sessions[event["sessionId"], event.get("userId")].append(event["eventId"])
    return sessions


def _check_rejections(puts: Sequence[Put], dead_letters: DeadLetters) -> Iterator[str]:
    """Each bad document is a dead letter with its reason, its field and its bytes; no other is."""
    wanted = {
        (put.sequence, each.document, each.element): (each.reason, each.field, each.data)
        for put in puts
        for each in put.record.refused
    }
    found = dict(fact for letter in dead_letters.rejected for fact in _facts(letter))
    yield from _compare("rejection", wanted, found)
    yield from _some("batch was abandoned", dead_letters.abandoned)


def _facts(letter: Envelope) -> Iterator[tuple[Any, Any]]:
    origin = letter.origin
    for each in letter.rejections:
        place = (origin.sequence, origin.document, each.element)
        yield place, (each.reason, each.field, letter.data)


def _check_figures(puts: Sequence[Put], figures: Figures) -> Iterator[str]:
    """The function's own figures account for every record, and no call was made in vain.

    A call that was throttled was not in vain: another one that shares the quota was first.
    """
    delivered = sum(len(put.record.arriving) for put in puts)
    rejected = sum(len(put.record.refused) for put in puts)
    for metric, wanted in {
        Metric.RECORDS: len(puts),
        Metric.DELIVERED: delivered,
        Metric.REJECTED: rejected,
        Metric.CALLS: figures[Metric.FEWEST_CALLS] + figures[Metric.THROTTLES],
        Metric.UNKEPT: 0,
    }.items():
        if figures[metric] != wanted:
            yield f"{metric.title}: got {figures[metric]}, wanted {wanted}"


def _compare(what: str, wanted: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[str]:
    yield from _some(f"{what} is missing", wanted.keys() - found.keys())
    yield from _some(f"{what} was not expected", found.keys() - wanted.keys())
    differing = [key for key in wanted.keys() & found.keys() if wanted[key] != found[key]]
    yield from _some(f"{what} is not what was sent", differing)


def _some(problem: str, examples: Iterable[Any]) -> Iterator[str]:
    found = sorted(map(str, examples))
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield f"{problem}: {', '.join(found[:_SHOWN])}{more}"
