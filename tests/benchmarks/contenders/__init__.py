"""Handlers to compare: each takes Lambda's argument and answers as Lambda wants it.

`connect(workers)` in each makes the handler with its client; what else is in a module works
without a network too.
"""

from collections.abc import Callable
from typing import Any

Handle = Callable[[dict[str, Any]], Any]
"""A handler: Lambda's argument in, its answer out."""

PutEvents = Callable[..., object]
"""boto3's `put_events`, or something that behaves like it."""

TRACKER = "tracker-1"
