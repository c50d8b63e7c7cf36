"""The ways in which producers write one and the same thing; all of them have to be understood."""

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from forwarder.destinations import Destination
from local.shop.dice import Dice
from local.shop.records import Arriving, Body, ShopRecord

_EASTERN = timezone(timedelta(hours=-5))

_TIMES: Sequence[Callable[[int], Any]] = (
    lambda second: second,
    lambda second: second + 0.25,
    lambda second: second * 1_000 + 7,
    lambda second: second * 1_000_000 + 7,
    str,
    lambda second: str(second * 1_000 + 999),
    lambda second: datetime.fromtimestamp(second, UTC).isoformat(),
    lambda second: datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.789Z"),
    lambda second: datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat(),
    lambda second: datetime.fromtimestamp(second, _EASTERN).isoformat(),
)


def write(
    destination: Destination, target: str, bodies: Sequence[Body], key: str, dice: Dice
) -> ShopRecord:
    """Write entries that share a call's head as one record, in one of the forms."""
    if dice.one_in(3):
        document = _request(destination, target, bodies, dice)
        arriving = [Arriving(0, place, body) for place, body in enumerate(bodies)]
        text = json.dumps(document, indent=dice.choice((None, 2)), ensure_ascii=False)
    else:
        lines = [_flat(destination, body, dice) for body in bodies]
        arriving = [Arriving(number, None, body) for number, body in enumerate(bodies)]
        text = "\n".join(map(json.dumps, lines)) + dice.choice(("", "\n"))
    data = text.encode()
    return ShopRecord(key, gzip.compress(data, mtime=0) if dice.one_in(20) else data, arriving)


def _request(
    destination: Destination, target: str, bodies: Sequence[Body], dice: Dice
) -> dict[str, Any]:
    shared = {name: bodies[0][name] for name in destination.shared if name in bodies[0]}
    elements = [
        {name: value for name, value in written.items() if name not in shared}
        for written in (_flat(destination, body, dice) for body in bodies)
    ]
    named: dict[str, Any] = {destination.target: target} if dice.one_in(3) else {}
    return named | shared | {destination.entries: elements}


def _flat(destination: Destination, body: Body, dice: Dice) -> dict[str, Any]:
    written = dict(body)
    if destination.time:
        written[destination.time] = dice.choice(_TIMES)(body[destination.time])
        if dice.one_in(10):
            written.setdefault("eventId", None)
    if "properties" in body:
        text = dice.one_in(2)
        properties = body["properties"]
        written["properties"] = json.dumps(properties) if text else _as_in_schema(properties)
    return written


def _as_in_schema(properties: Body) -> Body:
    """Properties as a producer has them: under the columns' names, and categories apart."""
    return {
        "".join(f"_{each}" if each.isupper() else each.upper() for each in name): (
            value.split("|") if isinstance(value, str) and "|" in value else value
        )
        for name, value in properties.items()
    }
