"""Faults by schedule: one kind after the other, at times of the seed's choosing, then calm."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from fleet import Fleet
from gate import Gate, Passage, let_through
from producer import REFUSAL

from local.personalize import Endpoint

RULES: Mapping[str, Mapping[str, object]] = {
    "throttling": {"action": "throttle", "share": 0.5},
    "throttling with a time": {"action": "throttle", "share": 0.3, "retry_after_s": 0.3},
    "server errors": {"action": "status", "status": 503, "share": 0.6},
    "resets": {"action": "reset", "share": 0.4},
    "resets after storing": {"action": "store_then_reset", "share": 0.4},
    "hangs": {"action": "hang", "share": 0.1},
    "hangs after storing": {"action": "store_then_hang", "share": 0.1},
    "noise as error": {"action": "garbage_error", "share": 0.4},
    "noise as success": {"action": "garbage", "share": 0.5},
    "latency": {"action": "latency", "latency_ms": 30},
    "dataset in use": {
        "action": "error", "status": 409, "code": "ResourceInUseException", "share": 0.4,
    },
    "expired token": {
        "action": "error", "status": 403, "code": "ExpiredTokenException", "share": 0.4,
    },
    "wrong rights": {"action": "error", "status": 403, "code": "AccessDeniedException"},
}  # fmt: skip # one rule a line
"""What Personalize may do, by the name of the fault. Its share is of the calls meanwhile.

Not that it refuses for a while what it stored before: then an entry is stored and a dead letter,
and both are right.
"""


@dataclass(slots=True)
class Weather:
    """What happens to a system, until it is stopped.

    Attributes:
        endpoint: Personalize.
        before_personalize: The gate before it.
        before_aws: The gate before queue and bucket.
        fleets: The forwarders.
        seed: The same seed makes the same schedule.
        spells: How often each kind of fault was on.
        hits: How many calls met each kind at the gates.
    """

    endpoint: Endpoint
    before_personalize: Gate
    before_aws: Gate
    fleets: Sequence[Fleet]
    seed: int
    spells: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)

    def rage(self, over: Event) -> None:
        """Let one fault follow the other; every kind comes before any comes again."""
        chance = random.Random(self.seed)
        kinds = self._kinds(chance)
        while not over.is_set():
            for kind in chance.sample(list(kinds), len(kinds)):
                self.spells[kind] += 1
                kinds[kind]()
                over.wait(chance.uniform(0.2, 1.0))
                self.calm()
                if over.wait(chance.uniform(0.1, 0.6)):
                    return

    def calm(self) -> None:
        """End every fault."""
        self.endpoint.faults([REFUSAL])
        self.before_personalize.attend = self.before_aws.attend = let_through

    def _kinds(self, chance: random.Random) -> dict[str, Callable[[], None]]:
        rules = {name: partial(self._rule, rule) for name, rule in RULES.items()}
        return {
            **rules,
            "kills": partial(self._strike, chance),
            "kills at a call": partial(self._strike_at_call, chance),
            "Personalize away": partial(self._close, self.before_personalize, "Personalize away"),
            "queue and bucket away": partial(self._close, self.before_aws, "queue and bucket away"),
            "queue refuses": self._refuse_letters,
        }

    def _rule(self, rule: Mapping[str, object]) -> None:
        self.endpoint.faults([REFUSAL, rule])

    def _strike(self, chance: random.Random) -> None:
        for fleet in self.fleets:
            fleet.strike(chance)

    def _strike_at_call(self, chance: random.Random) -> None:
        """Kill when Personalize or the queue has done what was asked, and has not answered."""

        def attend(passage: Passage) -> None:
            if chance.random() < 0.1:
                passage.pass_on()
                self._strike(chance)
                passage.reset()

        self.before_personalize.attend = self.before_aws.attend = attend

    def _close(self, gate: Gate, name: str) -> None:
        def attend(passage: Passage) -> None:
            self.hits[name] += 1
            passage.reset()

        gate.attend = attend

    def _refuse_letters(self) -> None:
        def attend(passage: Passage) -> None:
            self.hits["queue refuses"] += 1
            passage.refuse(400, "AccessDenied")

        self.before_aws.attend = attend
