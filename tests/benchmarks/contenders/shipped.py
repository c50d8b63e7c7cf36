"""(us) The forwarder's own handler, whole, as Lambda runs it: log line and metrics included.

Its share of the API's quota is set so high that it never waits for its turn.
"""

import os
import sys
import time
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import Any

from tests.benchmarks.contenders import TRACKER, Handle

SETTINGS = {
    "AWS_LAMBDA_FUNCTION_NAME": "forwarder",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "POWERTOOLS_SERVICE_NAME": "forwarder",
    "FEED": "events",
    "TARGET": TRACKER,
    "STAGE": "bench",
    "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/queue",
    "DEAD_LETTER_BUCKET": "bucket",
    "CALLS_PER_SECOND": "1000000",
}
SECONDS = 900


def _context() -> Any:
    ends = time.monotonic() + SECONDS
    return SimpleNamespace(
        function_name="forwarder",
        memory_limit_in_mb=1769,
        aws_request_id="request",
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:forwarder",
        get_remaining_time_in_millis=lambda: (ends - time.monotonic()) * 1000,
    )


def connect(workers: int) -> Handle:
    """The handler, after its cold start."""
    os.environ.update(SETTINGS, CONCURRENT_CALLS=str(workers))
    with redirect_stdout(sys.stderr):  # where its log goes: the answers are on standard output
        from forwarder.handler import handle  # noqa: PLC0415 - importing it is the cold start

    return lambda event: handle(event, _context())
