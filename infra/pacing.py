"""How a feed's share of the API quota follows from its stream: every derived number, in one place.

A quota holds for all callers together, while each invocation can only pace itself. So the quota is
divided by the number of invocations that can run at once, which is known at synth: Lambda runs one
for each shard and each unit of the parallelization factor.
"""

from dataclasses import dataclass
from math import floor

SMALL_QUOTA = 100.0
"""Calls a second up to which the invocations are capped as well: a resharded or grown stream would
otherwise multiply the share, and a quota this small has no room for it."""

LEAST_SHARE = 0.5
"""Calls a second below which an invocation starves: it would hold its batch for minutes and be
paid for waiting. Rather than dividing further, fewer invocations run at once."""

TIME_TO_SETTLE = 0.2
"""Share of the timeout that a full batch leaves unused: the cold start, retries and settling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """What one function may do so that all invocations together stay within the quota.

    Attributes:
        concurrent_invocations: How many the stream starts at once (shards times factor).
        reserved_concurrency: The cap on them, or None where none is needed.
        calls_per_second: The share of one invocation; times the invocations that can run, it is
            never more than the quota.
    """

    concurrent_invocations: int
    reserved_concurrency: int | None
    calls_per_second: float

    @property
    def waits_its_turn(self) -> bool:
        """Whether some shards wait while others are served, and throttles are therefore normal."""
        cap = self.reserved_concurrency
        return cap is not None and cap < self.concurrent_invocations

    def largest_batch(self, *, entries_per_call: int, timeout_seconds: int) -> int:
        """The most records that fit one invocation when its calls carry `entries_per_call` each."""
        seconds = timeout_seconds * (1 - TIME_TO_SETTLE)
        return floor(self.calls_per_second * seconds) * entries_per_call


def pace(*, quota: float, shards: int, parallelization_factor: int, reserve: bool) -> Pacing:
    """Divide `quota` (calls a second of the API) among the invocations that can run at once.

    With `reserve` the result is capped where the quota is small or its shares would starve;
    without it (an account with no concurrency to reserve) the shares may become very small.
    """
    invocations = shards * parallelization_factor
    running = min(invocations, max(1, floor(quota / LEAST_SHARE))) if reserve else invocations
    capped = reserve and (quota <= SMALL_QUOTA or running < invocations)
    return Pacing(
        concurrent_invocations=invocations,
        reserved_concurrency=running if capped else None,
        calls_per_second=floor(quota / running * 1000) / 1000,
    )
