"""A shop that never was: what it sends on every feed, and what has to become of each record.

The same seed, time and targets give the same bytes.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence

from forwarder.destinations import DESTINATIONS, Destination
from local.shop import catalogue
from local.shop.dice import Dice
from local.shop.flaws import Flaw, flaws, smallest
from local.shop.records import Arriving, Body, Refused, ShopRecord
from local.shop.spelling import write
from local.shop.visits import events, interactions, visits
from pstream.send import partition_key

__all__ = ["Arriving", "Body", "Refused", "ShopRecord", "make_records"]

_ITEMS = 300
_USERS = 200
_ACTIONS = 12
_INTERACTIONS = 300


def make_records(
    *, seed: int, now: int, targets: Mapping[str, str], size: int = 3_000
) -> dict[str, list[ShopRecord]]:
    """What the shop sends, by feed, in the order in which it is sent.

    Args:
        seed: Decides everything that is chance.
        now: The time, in seconds since 1970.
        targets: The tracking id or dataset ARN of every feed.
        size: How many events; all else is in proportion to the shop and stays.
    """
    dice = Dice(seed)
    items = catalogue.items(_ITEMS, now, dice)
    users = catalogue.users(_USERS, dice)
    actions = catalogue.actions(_ACTIONS, now, dice)
    clicks = [list(events(visit, items, dice)) for visit in visits(size, users, now, dice)]
    suggested = [
        list(interactions(visit, actions, dice))
        for visit in visits(_INTERACTIONS, users, now, dice)
    ]
    parts = {
        "events": _in_turn(clicks, dice, "sentAt"),
        "items": _upserts(items, dice),
        "users": _upserts(users, dice),
        "actions": _upserts(actions, dice),
        "action-interactions": _in_turn(suggested, dice, "timestamp"),
    }
    return {
        name: _spoiled(destination, targets[name], now, dice, parts[name])
        for name, destination in DESTINATIONS.items()
    }


def _in_turn(timelines: Sequence[Sequence[Body]], dice: Dice, time: str) -> list[list[Body]]:
    """What each record carries, in the order in which it is sent: mostly one entry, live.

    No record mixes sessions or users, so that each can be written as one request.
    """
    parts = []
    for timeline in timelines:
        for _, entries in itertools.groupby(timeline, key=lambda entry: entry.get("userId")):
            parts += _parted(list(entries), dice)
    return sorted(parts, key=lambda part: int(part[-1][time]))


def _upserts(bodies: Sequence[Body], dice: Dice) -> list[list[Body]]:
    """The first states, then the updates."""
    return _parted(bodies, dice) + _parted(list(catalogue.updates(bodies, dice)), dice)


def _parted(entries: Sequence[Body], dice: Dice) -> list[list[Body]]:
    left = list(entries)
    parts = []
    while left:
        count = dice.randint(2, 12) if dice.one_in(6) else 1
        parts.append(left[:count])
        left = left[count:]
    return parts


def _spoiled(
    destination: Destination, target: str, now: int, dice: Dice, parts: Sequence[Sequence[Body]]
) -> list[ShopRecord]:
    """Write all parts, and put the bad records among them."""
    records = [
        write(destination, target, part, partition_key(destination, part[0]), dice)
        for part in parts
    ]
    for number, flaw in enumerate(flaws(destination, target, now)):
        bad = _bad_record(destination, flaw, now, f"bad-{number:02}")
        records.insert(dice.randint(0, len(records)), bad)
    return records


def _bad_record(destination: Destination, flaw: Flaw, now: int, key: str) -> ShopRecord:
    """A flaw alone, or where that is possible between two good lines, which have to arrive."""
    if not flaw.one_line:
        refused = Refused(0, None, flaw.reason, flaw.field, flaw.data)
        return ShopRecord(key, flaw.data, refused=[refused])
    neighbours = list(_neighbours(destination, now, key))
    before, after = (json.dumps(each).encode() for each in neighbours)
    return ShopRecord(
        key,
        b"\n".join((before, flaw.data, after)),
        arriving=[
            Arriving(place, None, body) for place, body in zip((0, 2), neighbours, strict=True)
        ],
        refused=[Refused(1, None, flaw.reason, flaw.field, flaw.data)],
    )


def _neighbours(destination: Destination, now: int, key: str) -> Iterator[Body]:
    name = str(destination.session or destination.identity)
    for place in ("before", "after"):
        yield smallest(destination, now) | {name: f"{key}-{place}"}
