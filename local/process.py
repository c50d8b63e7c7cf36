"""Processes that the local stack starts, and that never outlive it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from local import leash

TAIL = 30
"""Lines of its log that a failed step shows."""

_ENDING_SECONDS = 10.0


class StepFailed(Exception):  # noqa: N818 - it says what failed
    """A step of the local stack failed; the text shows the end of its log, and where it is."""

    def __init__(self, step: str, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        tail = "\n".join(f"    {line}" for line in lines[-TAIL:])
        super().__init__(f"{step} failed. The end of {log}:\n{tail}")


class Process:
    """A command in a process group of its own, with its output in a file.

    Leaving the block ends the group; so does the death of this process, however it dies.
    """

    def __init__(
        self,
        step: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        directory: Path,
    ) -> None:
        self.log = log
        self._step = step
        self._command = [sys.executable, "-IS", leash.__file__, str(log), *command]
        self._environment = environment
        self._directory = directory

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._leash = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._leash.stdin is not None  # noqa: S101 # tells mypy what PIPE means
        with suppress(BrokenPipeError):
            self._leash.stdin.close()
        self._leash.wait(_ENDING_SECONDS)
        # The members of the group have the signal, but are not gone by the same moment.
        until = time.monotonic() + _ENDING_SECONDS
        while _exists(self._leash.pid) and time.monotonic() < until:
            time.sleep(0.01)

    @property
    def ended(self) -> bool:
        """Whether the command is over."""
        return self._leash.poll() is not None

    def failure(self) -> StepFailed:
        """The error that shows the end of the log as it is now."""
        return StepFailed(self._step, self.log)

    def finish(self) -> None:
        """Wait for the command's end.

        Raises:
            StepFailed: It ended with another exit code than 0.
        """
        if self._leash.wait() != 0:
            raise self.failure()


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True
