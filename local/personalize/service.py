"""The service itself, without a network: calls in, answers out, what was accepted in the store."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from local.personalize.answers import ACCEPTED, THROTTLED, Answer, Manner, refuse
from local.personalize.faults import Faults, Met, Rule
from local.personalize.harm import AFTER, BEFORE
from local.personalize.model import Operation, load_operations
from local.personalize.quotas import Quotas, rates
from local.personalize.requests import Accepted, accept, decode, size_of, target_of
from local.personalize.signatures import Signed, doubt
from local.personalize.store import Logged, Store
from local.personalize.summary import summarise


@dataclass(frozen=True, slots=True)
class Resources:
    """The trackers and datasets that exist; of a kind of which none is declared, all do."""

    trackers: frozenset[str] = frozenset()
    datasets: frozenset[str] = frozenset()

    def has(self, kind: str, target: str) -> bool:
        """Whether a call of an operation with this kind of target finds it."""
        declared = self.trackers if kind == "trackingId" else self.datasets
        return not declared or target in declared


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service is started with.

    `quotas` are calls a second by operation, where they differ from the documented ones;
    `credentials` are secrets by access key id: with any, every signature is verified; `seed`
    makes shares of faults repeatable; `clock` tells seconds since the epoch.
    """

    clock: Callable[[], float]
    store: str = ":memory:"
    quotas: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[Rule | Mapping[str, Any], ...] = ()
    resources: Resources = field(default_factory=Resources)
    credentials: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way: what it met is decided before it is judged."""

    operation: Operation
    body: bytes
    met: Met
    doubt: Answer | None


class Service:
    """Judges calls in the order they come; use it from one thread.

    An answer of success means that all entries are in the store once `store.flush` has run.
    """

    def __init__(self, settings: Settings) -> None:
        self.operations = load_operations()
        self._settings = settings
        self._rates = rates(self.operations, settings.quotas)
        self._begin()
        # Last, so that settings that cannot be leave no file open.
        self.store = Store(settings.store)

    def _begin(self) -> None:
        self._quotas = Quotas(self._rates)
        self.resources = self._settings.resources
        self.set_faults(self._settings.faults)

    def set_faults(self, rules: Iterable[Rule | Mapping[str, Any]]) -> None:
        """Put these rules in place of all others; what was injected is counted from now on."""
        parsed = [Rule.model_validate(rule) for rule in rules]
        self.faults = Faults(
            [rule.checked(self.operations) for rule in parsed],
            seed=self._settings.seed,
            clock=self._settings.clock,
        )

    def receive(self, operation: Operation, signed: Signed) -> Call:
        """Decide what a call meets."""
        now = self._settings.clock()
        refusal = doubt(signed, secrets=self._settings.credentials, now=now)
        met = Met() if refusal else self.faults.meet(operation.name, signed.body)
        return Call(operation, signed.body, met, refusal)

    def answer(self, call: Call) -> Answer:
        """Judge a call, keep what it brings, and log it under the next number."""
        number = self.store.number()
        document = decode(call.body)
        target = target_of(call.operation, document)
        answer, accepted = self._judge(call, document, target)
        if accepted:
            self.store.keep(number, call.operation, accepted)
        self.store.log(
            Logged(
                number=number,
                operation=call.operation.name,
                target=target,
                entries=size_of(call.operation, document),
                at=self._settings.clock(),
                status=None if answer.manner in (Manner.RESET, Manner.HANG) else answer.status,
                code=answer.code,
                fault=" ".join(call.met.kinds),
                kept=accepted is not None,
                ignored=orjson.dumps(accepted.ignored if accepted else ()).decode(),
            )
        )
        return answer

    def _judge(self, call: Call, document: Any, target: str) -> tuple[Answer, Accepted | None]:
        rule = call.met.rule
        if call.doubt:
            return call.doubt, None
        if rule and rule.action in BEFORE:
            return BEFORE[rule.action](rule), None
        operation = call.operation
        if not self._quotas.admit(operation.name, target, self._settings.clock()):
            return refuse(400, THROTTLED, "Rate exceeded"), None
        outcome = accept(operation, document)
        if isinstance(outcome, Answer):
            return outcome, None
        if not self.resources.has(operation.target, target):
            return refuse(404, "ResourceNotFoundException", f"No such {operation.target}"), None
        return (AFTER[rule.action](rule) if rule else ACCEPTED), outcome

    def summary(self) -> dict[str, Any]:
        """The figures since the last reset; see `summarise`."""
        newest_wins = {o.name: o.newest_wins for o in self.operations.values()}
        counted = self.store.counted_calls(), self.store.counted_entries()
        return summarise(*counted, newest_wins, self.faults.injected)

    def reset(self) -> None:
        """Forget calls, entries and what was changed at run time: as just started and empty."""
        self.store.clear()
        self._begin()
