"""From lanes to outcomes: sends every call, in parallel, in order, in time.

The only owner of retries. Lanes go out side by side on a bounded number of threads, the calls of
a lane one after the other. What cannot be delivered now is deferred together with all that comes
after it in its lane, so nothing is overtaken.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from concurrent.futures import Executor
from dataclasses import dataclass, field

from forwarder.outcomes import (
    Call,
    Cause,
    Deferred,
    Delivered,
    Entry,
    Lane,
    Outcome,
    Reason,
    Rejected,
)
from forwarder.pace import Pace
from forwarder.verdicts import Next, Verdict, judge

HANDFUL = 5
"""Entries refused alone, with none accepted, that speak for a wrong setting, not for bad data."""

LONGEST_WAIT = 5.0
"""Seconds; the most that the backoff grows to."""

GRACE = 0.5
"""Seconds past the deadline in which a call that was aborted may end."""

Send = Callable[[bytes, float], None]
"""Sends a call's body before a deadline on the clock; raises when it was not accepted."""


@dataclass(slots=True)
class Tally:
    """What sending took: counts for the log line and the metrics."""

    calls: int = 0
    retries: int = 0
    failures: dict[Cause, int] = field(default_factory=dict)
    misconfigured: str | None = None
    """What gave the misconfiguration away: an error's code, never a payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How calls go out: the seam to the network and to time, and the limits to keep.

    Attributes:
        send: Sends one call.
        pace: The feed's share of the API's quota.
        pool: Threads that stay for the next invocation, at least as many as workers.
        workers: The most calls at the same time.
        clock: Seconds that only grow; deadlines are on it.
        wait: Waits for the event or for the seconds to pass, whichever is first.
        jitter: A number from 0 to 1, anew at each call.
    """

    send: Send
    pace: Pace
    pool: Executor
    workers: int
    clock: Callable[[], float]
    wait: Callable[[threading.Event, float], object] = threading.Event.wait
    jitter: Callable[[], float] = random.random


class Delivery:
    """The sending of one invocation: everything it was given comes back as one outcome each.

    Never runs past its deadline by more than `GRACE`, whatever the endpoint does. After a stop
    nothing new is sent, and what is in flight is awaited.
    """

    def __init__(self, channel: Channel, *, deadline: float) -> None:
        """Prepare to send; the deadline is a time on the channel's clock."""
        self.tally = Tally()
        self._channel = channel
        self._deadline = deadline
        self._accepted = False
        self._refused_alone = 0
        self._in_flight = 0
        self._stopped = threading.Event()
        self._cause = Cause.HELD
        self._changed = threading.Condition()

    def vouch(self) -> None:
        """Take it as known that the service accepts entries of this batch."""
        self._accepted = True

    def deliver(self, lanes: Iterable[Lane]) -> list[Outcome]:
        """Send the lanes and return one outcome for each of their entries."""
        # The longest lane takes as long as its calls one after the other: it must not start last.
        waiting = deque(sorted(lanes, key=len, reverse=True))
        given = [entry for lane in waiting for call in lane for entry in call.entries]
        outcomes: list[Outcome] = []
        work = [
            self._channel.pool.submit(self._work, waiting, outcomes)
            for _ in range(min(self._channel.workers, len(waiting)))
        ]
        left = self._deadline + GRACE - self._channel.clock()
        done, stuck = futures.wait(work, timeout=max(0.0, left))
        if stuck:
            # What these calls may yet say comes too late, and their workers send no more.
            self._stopped.set()
        for each in done:
            each.result()
        settled = {outcome.key: outcome for outcome in tuple(outcomes)}
        return [
            self._last_word(settled.get(entry.key) or self._deferred(entry, Cause.OUT_OF_TIME))
            for entry in given
        ]

    def _work(self, waiting: deque[Lane], outcomes: list[Outcome]) -> None:
        while True:
            try:
                lane = waiting.popleft()
            except IndexError:
                return
            held = False
            for call in lane:
                sent = self._held(call) if held else self._start(call)
                outcomes.extend(sent)
                held = any(isinstance(outcome, Deferred) for outcome in sent)

    def _start(self, call: Call) -> Sequence[Outcome]:
        if not self._may_start():
            return self._held(call)
        try:
            return self._call(call)
        finally:
            self._finished()

    def _held(self, call: Call) -> Sequence[Outcome]:
        return [self._deferred(entry, self._cause) for entry in call.entries]

    def _may_start(self) -> bool:
        """Whether a call may still be started.

        When all that came back so far was refused, the calls in flight are awaited first: if
        they are refused too, the fault is not in the data.
        """
        with self._changed:
            while self._suspicious() and self._in_flight and not self._stopped.is_set():
                left = self._deadline - self._channel.clock()
                if left <= 0 or not self._changed.wait(left):
                    return False
            if self._suspicious() and not self._stopped.is_set():
                self._stop("every call refused")
            if self._stopped.is_set():
                return False
            self._in_flight += 1
            return True

    def _finished(self) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def _suspicious(self) -> bool:
        return not self._accepted and self._refused_alone >= HANDFUL

    def _stop(self, why: str) -> None:
        self._cause = Cause.MISCONFIGURED
        self.tally.misconfigured = why
        self._stopped.set()

    def _call(self, call: Call) -> Sequence[Outcome]:
        """Send one call, narrowing it down while it is refused."""
        verdict = self._attempts(call)
        if verdict is None:
            return [Delivered(entry) for entry in call.entries]
        if verdict.next is not Next.SPLIT:
            return [self._deferred(entry, verdict.cause) for entry in call.entries]
        if len(call.entries) == 1:
            return [self._refused(call.entries[0])]
        middle = len(call.entries) // 2
        first = self._call(Call(call.entries[:middle]))
        rest = Call(call.entries[middle:])
        if any(isinstance(outcome, Deferred) for outcome in first):
            return [*first, *self._held(rest)]
        return [*first, *self._call(rest)]

    def _attempts(self, call: Call) -> Verdict | None:
        """Make one call until it is accepted (None) or there is a final verdict on it."""
        body, made = call.body, 0
        while True:
            turn = self._channel.pace.reserve(self._deadline)
            if turn is None:
                return Verdict(Next.RETRY, Cause.OUT_OF_TIME)
            if turn:
                self._channel.wait(self._stopped, turn)
            if self._stopped.is_set():
                return Verdict(Next.RETRY, self._cause)
            if self._channel.clock() >= self._deadline:
                return Verdict(Next.RETRY, Cause.OUT_OF_TIME)
            made += 1
            verdict, at_least = self._attempt(body)
            if verdict is None or verdict.next is not Next.RETRY or made >= verdict.attempts:
                return verdict
            pause = min(LONGEST_WAIT, verdict.patience * 2 ** (made - 1)) * self._channel.jitter()
            pause = max(pause, at_least)
            if self._channel.clock() + pause >= self._deadline:
                return verdict
            self._count(retries=1)
            self._channel.wait(self._stopped, pause)

    def _attempt(self, body: bytes) -> tuple[Verdict | None, float]:
        """Make one call once: its verdict, and the seconds the service wants to be left alone."""
        self._count(calls=1)
        try:
            self._channel.send(body, self._deadline)
        except Exception as error:  # noqa: BLE001 - whatever it is, the table has a verdict on it
            verdict = judge(error)
            if verdict.next is Next.STOP:
                with self._changed:
                    self._stop(getattr(error, "code", None) or type(error).__name__)
            if verdict.next is not Next.SPLIT:
                self._count(failure=verdict.cause)
            return verdict, getattr(error, "retry_after", None) or 0.0
        if not self._accepted:
            with self._changed:
                self._accepted = True
                self._changed.notify_all()
        return None, 0.0

    def _refused(self, entry: Entry) -> Rejected:
        with self._changed:
            self._refused_alone += 1
        detail = "Personalize refused this entry when it was sent alone"
        return Rejected(entry.document, entry.element, Reason.REFUSED, None, detail)

    def _last_word(self, outcome: Outcome) -> Outcome:
        """A refusal is only believed of a service that also accepts."""
        if isinstance(outcome, Rejected) and (self.tally.misconfigured or self._suspicious()):
            self.tally.misconfigured = self.tally.misconfigured or "every call refused"
            return Deferred(outcome.document, outcome.element, Cause.MISCONFIGURED)
        return outcome

    def _count(self, *, calls: int = 0, retries: int = 0, failure: Cause | None = None) -> None:
        with self._changed:
            self.tally.calls += calls
            self.tally.retries += retries
            if failure is not None:
                self.tally.failures[failure] = self.tally.failures.get(failure, 0) + 1

    @staticmethod
    def _deferred(entry: Entry, cause: Cause) -> Deferred:
        return Deferred(entry.document, entry.element, cause)
