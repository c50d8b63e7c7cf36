"""What people do in the shop: sessions of Zipf-like lengths, often anonymous until they log in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from local.shop.dice import Dice
from local.shop.records import Body

_LONGEST = 60
_PAUSE = 90
_SHAPE = 1.25
"""Of the Pareto distribution of lengths: most sessions are short, a few are very long."""

_TWO_DAYS = 2 * 86_400


@dataclass(frozen=True, slots=True)
class Visit:
    """One session; its first `anonymous` entries come before the login, all without a user."""

    session: str
    began: int
    length: int
    user: str | None
    anonymous: int

    def who(self, place: int) -> dict[str, str]:
        """Session and user of the entry at a place."""
        known = self.user is not None and place >= self.anonymous
        return {"sessionId": self.session} | ({"userId": str(self.user)} if known else {})


def visits(entries: int, users: Sequence[Body], now: int, dice: Dice) -> Iterator[Visit]:
    """As many visits of the last two days as it takes for so many entries."""
    while entries > 0:
        length = min(entries, _LONGEST, int(dice.paretovariate(_SHAPE)))
        yield Visit(
            session=f"s-{dice.getrandbits(64):016x}",
            began=now - dice.randint(_LONGEST * _PAUSE, _TWO_DAYS),
            length=length,
            user=None if dice.one_in(3) else dice.choice(users)["userId"],
            anonymous=dice.randint(0, length - 1) if dice.one_in(2) else 0,
        )
        entries -= length


def events(visit: Visit, items: Sequence[Body], dice: Dice) -> Iterator[Body]:
    """The events of one visit, oldest first."""
    at = visit.began
    for place in range(visit.length):
        at += dice.randint(1, _PAUSE)
        yield visit.who(place) | _event(at, items, dice)


def _event(at: int, items: Sequence[Body], dice: Dice) -> dict[str, Any]:
    item = items[min(len(items), int(dice.paretovariate(0.7))) - 1]
    event: dict[str, Any] = {"eventType": "view", "sentAt": at, "itemId": item["itemId"]}
    if dice.one_in(15):
        event |= {"eventType": "purchase", "eventValue": item["properties"]["price"]}
    if dice.one_in(2):
        event["eventId"] = f"{dice.getrandbits(128):032x}"
    if dice.one_in(4):
        shown = dice.sample(items, min(len(items), dice.randint(1, 25)))
        event["recommendationId"] = f"RID-{dice.getrandbits(64):016x}"
        event["impression"] = [each["itemId"] for each in shown]
    if dice.one_in(5):
        source = dice.choice(("newsletter", "search", "home page"))
        event["metricAttribution"] = {"eventAttributionSource": source}
    if dice.one_in(3):
        event["properties"] = {"device": dice.choice(("phone", "desktop")), "pageDepth": 3}
    return event


def interactions(visit: Visit, actions: Sequence[Body], dice: Dice) -> Iterator[Body]:
    """What became of the actions suggested in one visit, oldest first."""
    at = visit.began
    for place in range(visit.length):
        at += dice.randint(1, _PAUSE)
        yield {
            **visit.who(place),
            "actionId": dice.choice(actions)["actionId"],
            "timestamp": at,
            "eventType": dice.choice(("Viewed", "Taken", "Not Taken")),
            **({"eventId": f"{dice.getrandbits(128):032x}"} if dice.one_in(2) else {}),
        }
