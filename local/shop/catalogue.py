"""What the shop knows: its items, its users and the actions it suggests, and their updates."""

from collections.abc import Iterator, Sequence
from typing import Any

from local.shop.dice import Dice
from local.shop.records import Body

_KINDS = {
    "shoes": ("running", "hiking", "street"),
    "jackets": ("rain", "down", "wind"),
    "books": ("novel", "travel", "cooking"),
    "lamps": ("desk", "floor"),
}
_BRANDS = ("Alder", "Birch & Sons", "Café Noir", "Døgn", "Ente")
_DAY = 86_400


def items(count: int, now: int, dice: Dice) -> list[Body]:
    """Items as they were first offered."""
    return [
        {"itemId": f"item-{number:04}", "properties": _item(now, dice)} for number in range(count)
    ]


def _item(now: int, dice: Dice) -> dict[str, Any]:
    kind = dice.choice(list(_KINDS))
    return {
        "category": "|".join((kind, *dice.sample(_KINDS[kind], dice.randint(0, 2)))),
        "price": round(dice.lognormvariate(3.5, 0.6), 2),
        "brand": dice.choice(_BRANDS),
        "creationTimestamp": now - dice.randint(1, 730) * _DAY,
        "numRatings": int(dice.paretovariate(0.8)),
    }


def users(count: int, dice: Dice) -> list[Body]:
    """Users as they signed up."""
    return [{"userId": f"user-{number:04}", "properties": _user(dice)} for number in range(count)]


def _user(dice: Dice) -> dict[str, Any]:
    return {
        "membershipLevel": dice.choice(("none", "silver", "gold")),
        "country": dice.choice(("DE", "FR", "US", "日本")),
        "ageGroup": dice.choice(("18-25", "26-40", "41-65", "66+")),
    }


def actions(count: int, now: int, dice: Dice) -> list[Body]:
    """Actions that the shop suggests."""
    kinds = ("subscribe", "join-club", "download-app")
    return [
        {
            "actionId": f"action-{number:02}",
            "properties": {
                "kind": dice.choice(kinds),
                "value": dice.randint(1, 10),
                "expirationTimestamp": now + dice.randint(30, 300) * _DAY,
            },
        }
        for number in range(count)
    ]


def updates(bodies: Sequence[Body], dice: Dice) -> Iterator[Body]:
    """Newer states of a third of them, each whole."""
    for revision, body in enumerate(bodies, start=2):
        if dice.one_in(3):
            yield {**body, "properties": {**body["properties"], "revision": revision}}
