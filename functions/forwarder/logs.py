"""The logger of every function here: nothing that a function is given reaches a log line.

Neither Powertools' own switch for logging events nor a root logger at DEBUG, under which AWS's
libraries print requests, may change that: so both are decided here, for all entry points.
"""

import logging
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

_TALKATIVE = ("boto3", "botocore", "urllib3")

Handle = Callable[[dict[str, Any], Any], dict[str, Any]]


def quiet_logger() -> Logger:
    """Make a function's logger, and keep the libraries from printing what they send."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    return Logger()


def in_context(logger: Logger) -> Callable[[Handle], Handle]:
    """Decorate a handler: its lines carry the invocation's id, and never its argument."""
    decorate: Callable[[Handle], Handle] = logger.inject_lambda_context(log_event=False)
    return decorate
