"""The forwarder in a process of its own, as Lambda runs it: a cold start, then batch by batch."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "forwarder",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "POWERTOOLS_SERVICE_NAME": "forwarder",
    "FEED": "events",
    "TARGET": "tracker-1",
    "STAGE": "test",
    "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/queue",
    "DEAD_LETTER_BUCKET": "bucket",
    "CALLS_PER_SECOND": "1000",
    "CONCURRENT_CALLS": "8",
}

GRACE = 5.0
"""Seconds past its time that an invocation has on a busy machine."""

_LOOP = """
import json, sys, time
from types import SimpleNamespace
answers = sys.stdout
sys.stdout = sys.stderr
from forwarder.handler import handle
for line in sys.stdin:
    asked = json.loads(line)
    ends = time.monotonic() + asked["seconds"]
    context = SimpleNamespace(
        function_name="forwarder", memory_limit_in_mb=512, aws_request_id="request",
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:forwarder",
        get_remaining_time_in_millis=lambda: (ends - time.monotonic()) * 1000,
    )
    try:
        answer = {"response": handle(asked["event"], context)}
    except Exception as error:
        answer = {"error": type(error).__name__, "text": str(error)}
    print(json.dumps(answer), file=answers, flush=True)
"""


class Worker:
    """One execution environment of the forwarder; ended by its own id."""

    def __init__(self, log: Path, **environment: str) -> None:
        """Settings are the smallest that work, and what is given here; output goes to `log`."""
        self.log = log
        self._environment = ENVIRONMENT | environment
        self._ends = time.monotonic() + 30 + GRACE

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LOOP],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(ROOT / "functions"),
                    **self._environment,
                },
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, event: object, *, seconds: float = 30) -> None:
        """Hand over a batch without waiting for the answer."""
        assert self._process.stdin is not None
        self._ends = time.monotonic() + seconds + GRACE
        self._process.stdin.write(json.dumps({"event": event, "seconds": seconds}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any] | None:
        """The answer to what was asked; None when the process has ended without one.

        As Lambda does, it ends a process that has not answered in its time.
        """
        assert self._process.stdout is not None
        left = max(0.0, self._ends - time.monotonic())
        if not select.select([self._process.stdout], [], [], left)[0]:
            self._process.kill()
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def invoke(self, event: object, *, seconds: float = 30) -> dict[str, Any]:
        """Hand over a batch and wait for the answer."""
        self.ask(event, seconds=seconds)
        answer = self.answer()
        assert answer is not None, self.log.read_text()
        return answer

    def kill(self) -> None:
        """End the process at once, wherever it is."""
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                # What is left in the pipe was meant for a process that is gone.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
