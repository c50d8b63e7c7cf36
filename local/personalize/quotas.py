"""The service's rate limits: a token bucket for each operation and target."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.personalize.model import Operation

# Requests a second: https://docs.aws.amazon.com/personalize/latest/dg/limits.html
EVENTS_PER_SECOND = 1000.0
UPSERTS_PER_SECOND = 10.0


@dataclass(frozen=True, slots=True)
class Level:
    """How full a bucket was when it was last looked at."""

    tokens: float
    at: float


def take(level: Level, *, rate: float, now: float) -> tuple[Level, bool]:
    """Take one token if there is one; a bucket holds one second's worth and refills evenly.

    A clock that goes back refills nothing.
    """
    refilled = level.tokens + max(0.0, now - level.at) * rate
    tokens = min(max(rate, 1.0), refilled)
    if tokens < 1.0:
        return Level(tokens, now), False
    return Level(tokens - 1.0, now), True


class Quotas:
    """Admits calls up to each operation's rate, counted for each target by itself."""

    def __init__(self, rates: Mapping[str, float]) -> None:
        self._rates = rates
        self._levels: dict[tuple[str, str], Level] = {}

    def admit(self, operation: str, target: str, now: float) -> bool:
        """Whether a call at `now` is within the quota; a refused call costs nothing."""
        rate = self._rates[operation]
        key = (operation, target)
        level = self._levels.get(key) or Level(max(rate, 1.0), now)
        self._levels[key], admitted = take(level, rate=rate, now=now)
        return admitted


def rates(operations: Mapping[str, Operation], given: Mapping[str, float]) -> dict[str, float]:
    """Calls a second of each operation: the documented quota, or the one given by either name.

    Raises:
        ValueError: `given` names no operation of the service, or a rate that is not positive.
    """
    names = {name: o.name for o in operations.values() for name in (o.name, o.snake_name)}
    chosen = {
        o.name: UPSERTS_PER_SECOND if o.newest_wins else EVENTS_PER_SECOND
        for o in operations.values()
    }
    for name, rate in given.items():
        if name not in names:
            raise ValueError(f"quota {name!r}: no such operation, wanted one of {sorted(names)}")
        if not rate > 0:
            raise ValueError(f"quota {name!r}: got {rate}, wanted calls a second above 0")
        chosen[names[name]] = rate
    return chosen
