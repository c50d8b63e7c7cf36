"""Says what happens now: a moving line on a terminal, a line per step elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console

Tell = Callable[[str], None]


class Progress:
    """The steps of a command, one at a time; each is printed with its seconds when it is over.

    A step is told again and again as `what` or `what: how far`; another `what` is the next step.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._status = console.status("")
        self._began = self._step_began = clock()
        self._step = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()
        if error is None:
            self._end_step()

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return self._clock() - self._began

    def tell(self, now: str) -> None:
        """Say what happens now."""
        step = now.partition(":")[0]
        if step != self._step:
            self._end_step()
            self._step, self._step_began = step, self._clock()
        self._status.update(f"{now} …")

    def _end_step(self) -> None:
        if self._step:
            seconds = self._clock() - self._step_began
            self._console.print(
                f"[green]✓[/] {self._step} [dim]{seconds:.1f} s[/]", highlight=False
            )
        self._step = ""
