"""Faults by rule: which calls meet one, and what they meet."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Action(StrEnum):
    """What a rule does to a call.

    LATENCY delays and lets later rules decide; every other action ends the search. The `STORE_`
    actions, DRIP and GARBAGE let the service judge the call first, and a call it refuses gets
    the refusal.
    """

    LATENCY = "latency"
    THROTTLE = "throttle"
    STATUS = "status"
    ERROR = "error"
    REFUSE = "refuse"
    RESET = "reset"
    STORE_THEN_RESET = "store_then_reset"
    STORE_THEN_HANG = "store_then_hang"
    HANG = "hang"
    DRIP = "drip"
    GARBAGE = "garbage"
    GARBAGE_ERROR = "garbage_error"


# The parameters each action takes, and those it cannot do without.
PARAMETERS: Mapping[Action, Mapping[str, bool]] = {
    Action.LATENCY: {"latency_ms": True},
    Action.THROTTLE: {"status": False, "retry_after_s": False},
    Action.STATUS: {"status": True, "retry_after_s": False},
    Action.ERROR: {"status": True, "code": True, "message": False},
    Action.REFUSE: {"message": False},
    Action.RESET: {},
    Action.STORE_THEN_RESET: {},
    Action.STORE_THEN_HANG: {},
    Action.HANG: {},
    Action.DRIP: {"interval_ms": False},
    Action.GARBAGE: {},
    Action.GARBAGE_ERROR: {},
}
_OPTIONS = frozenset(name for names in PARAMETERS.values() for name in names)


class Rule(BaseModel):
    """Which calls (all conditions must hold) meet what.

    `operation` is the API's name (`PutEvents`); `contains` is looked for in the body's bytes;
    `share` of the calls that match so far; at most `times`; between `from_s` and `until_s`
    seconds after the rule was set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    operation: str | None = None
    contains: str | None = Field(default=None, min_length=1)
    share: float = Field(default=1.0, ge=0, le=1)
    times: int | None = Field(default=None, ge=1)
    from_s: float = Field(default=0.0, ge=0)
    until_s: float | None = Field(default=None, gt=0)

    latency_ms: float | None = Field(default=None, ge=0)
    status: int | None = Field(default=None, ge=400, le=599)
    code: str | None = None
    message: str | None = None
    retry_after_s: float | None = Field(default=None, ge=0)
    interval_ms: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_what_its_action_takes(self) -> Self:
        takes = PARAMETERS[self.action]
        given = {name for name in _OPTIONS if getattr(self, name) is not None}
        if unknown := sorted(given - takes.keys()):
            raise ValueError(f"{self.action} takes {sorted(takes) or 'nothing'}, got {unknown}")
        if missing := sorted({name for name, needed in takes.items() if needed} - given):
            raise ValueError(f"{self.action} needs {missing}")
        return self

    def checked(self, operations: Collection[str]) -> Self:
        """The rule itself, if the operation it names is one of these.

        Raises:
            ValueError: it names another one, and so would never be met.
        """
        if self.operation not in (None, *operations):
            raise ValueError(f"no operation {self.operation!r}, wanted one of {list(operations)}")
        return self


@dataclass(frozen=True, slots=True)
class Met:
    """What one call meets: a delay in seconds, and the rule that decides its answer, if any."""

    delay: float = 0.0
    rule: Rule | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The actions met, in the order they take effect."""
        delayed = (Action.LATENCY.value,) if self.delay else ()
        return (*delayed, self.rule.action.value) if self.rule else delayed


UNHARMED = Met()


class Faults:
    """The rules in force, in order, and how often each kind was met.

    The same seed and the same calls meet the same faults.
    """

    def __init__(self, rules: Sequence[Rule], *, seed: int, clock: Callable[[], float]) -> None:
        self.rules = tuple(rules)
        self.injected: Counter[str] = Counter()
        self._clock = clock
        self._since = clock()
        self._left = [rule.times for rule in rules]
        self._dice = [random.Random(f"{seed}/{n}") for n in range(len(rules))]  # noqa: S311 -- repeatable faults, not secrets

    def meet(self, operation: str, body: bytes) -> Met:
        """Roll for one call, in the order of the rules; delays add up until a rule decides."""
        if not self.rules:
            return UNHARMED
        delay = 0.0
        for n, rule in enumerate(self.rules):
            if not self._applies(n, rule, operation, body):
                continue
            self.injected[rule.action.value] += 1
            if rule.action is not Action.LATENCY:
                return Met(delay, rule)
            delay += (rule.latency_ms or 0.0) / 1000
        return Met(delay)

    def _applies(self, n: int, rule: Rule, operation: str, body: bytes) -> bool:
        age = self._clock() - self._since
        left = self._left[n]
        if (
            left == 0
            or rule.operation not in (None, operation)
            or not rule.from_s <= age < (rule.until_s or float("inf"))
            or (rule.contains is not None and rule.contains.encode() not in body)
            or self._dice[n].random() >= rule.share
        ):
            return False
        if left is not None:
            self._left[n] = left - 1
        return True
