"""Keeps the calls of one environment within its share of the API's quota."""

import threading
from collections.abc import Callable

BURST = 0.5
"""Seconds' worth of calls that may go at once. The service's own bucket is taken to hold a second's
worth: the difference is for calls that arrive closer together than they were sent."""


class Pace:
    """A token bucket that holds `BURST` seconds' worth of calls, and never fewer than one.

    One per environment, across invocations and threads. Callers are let through in the order in
    which they asked.
    """

    def __init__(self, calls_per_second: float, *, clock: Callable[[], float]) -> None:
        """Start full, at `clock` seconds."""
        self._interval = 1.0 / calls_per_second
        # The time up to which calls are spoken for; it may lag by what the bucket holds.
        self._spoken_for = clock() - max(BURST, self._interval)
        self._clock = clock
        self._lock = threading.Lock()

    def reserve(self, deadline: float) -> float | None:
        """Reserve the next call and return the seconds to wait before it.

        Returns None, and reserves nothing, when its turn would come after the deadline.
        """
        with self._lock:
            now = self._clock()
            full = now - max(BURST, self._interval)
            turn = max(self._spoken_for, full) + self._interval
            if turn > max(deadline, now):
                return None
            self._spoken_for = turn
            return max(0.0, turn - now)
