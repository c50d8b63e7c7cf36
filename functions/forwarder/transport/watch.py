"""How long one call may go on, and how another thread ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Watch:
    """When one call has to end: at its deadline, at the end of its phase, or when it is cut."""

    __slots__ = ("_clock", "_cut", "_deadline", "_end", "_wake", "sent")

    def __init__(self, deadline: float, clock: Callable[[], float]) -> None:
        self._deadline = self._end = deadline
        self._clock = clock
        self._cut = False
        self._wake: Callable[[], None] | None = None
        self.sent = False
        """Whether a byte of the request may have left."""

    @property
    def over(self) -> bool:
        """Whether the call has no time left, whatever its phase has."""
        return self._cut or self._clock() >= self._deadline

    def phase(self, seconds: float) -> None:
        """Begin a part of the call that may take so long, within what the call may take."""
        self._end = min(self._deadline, self._clock() + seconds)

    def left(self) -> float:
        """Seconds the next wait may take, more than 0.

        Raises:
            TimeoutError: There are none, or the call was cut.
        """
        left = self._end - self._clock()
        if left <= 0 or self._cut:
            raise TimeoutError
        return left

    def wake_with(self, wake: Callable[[], None] | None) -> None:
        """Say how another thread ends the wait that comes next; None lets go of it."""
        self._wake = wake

    def cut(self) -> None:
        """End the call from another thread; nothing is sent after this."""
        self._cut = True
        wake = self._wake
        if wake is not None:
            wake()
