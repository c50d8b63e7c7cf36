"""Lambda's entry point, and the only module that reads the environment or creates clients."""

# ruff: noqa: E402 - the collector sleeps while all that stays is loaded: a tenth of a cold start
import gc

gc.disable()

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from forwarder.deliver import Channel, Delivery
from forwarder.journey import forward, remember
from forwarder.logs import in_context, quiet_logger
from forwarder.memory import Memory
from forwarder.metrics import NAMESPACE
from forwarder.pace import Pace
from forwarder.parse import Parser
from forwarder.records import decode
from forwarder.report import report
from forwarder.settings import read_settings
from forwarder.settle import Kept
from forwarder.transport import Transport, find_access

if TYPE_CHECKING:
    from forwarder.dead_letters import DeadLetters

SETTLING = 0.2
"""The share of an invocation's time that is left to keep dead letters and to answer."""

ANSWERING = 0.05
"""The share of it that is left to answer."""

COLLECT_AFTER = 100_000
"""Values that are kept before the collector looks for cycles: a batch of some thousand records."""

clock = time.monotonic
settings = read_settings(os.environ)
logger = quiet_logger()
metrics = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(stage=settings.stage, feed=settings.feed.name)

parse = Parser(settings.feed, settings.target)
memory = Memory()
transport = Transport(
    find_access(os.environ, settings.feed.action), connections=settings.concurrent_calls
)
channel = Channel(
    send=transport,
    pace=Pace(settings.calls_per_second, clock=clock),
    pool=ThreadPoolExecutor(settings.concurrent_calls),
    workers=settings.concurrent_calls,
    clock=clock,
)
# What is loaded by now stays: the collector need not look at it again in any invocation.
gc.freeze()
# A batch makes many values and hardly a cycle: looking for those every 700 costs a tenth of it.
gc.set_threshold(COLLECT_AFTER)
gc.enable()


class InvocationFailed(Exception):  # noqa: N818 - it says what happened
    """The batch was not processed and none of it acknowledged; the text holds no payload."""


@in_context(logger)
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Forward one shard's records to the operation this function serves.

    Answers with the oldest record that has to come again, or with none. Dead letters are kept
    before the answer.
    """
    try:
        return _handle(event, context)
    except Exception as error:  # noqa: BLE001 - any text and any traceback could show a payload
        failure = type(error).__name__
        where = _where(error)
    logger.error("invocation failed", extra={"because": failure, "where": where})
    raise InvocationFailed(f"{failure} at {where}")


def _handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    sending, keeping = deadlines(clock(), context.get_remaining_time_in_millis() / 1000)
    delivery = Delivery(channel, deadline=sending)
    journey = forward(decode(event), parse=parse, memory=memory, delivery=delivery)
    transport.abort()
    settlement = journey.settlement
    kept = Kept()
    if settlement.rejected:
        kept = _dead_letters().keep(settlement.rejected, deadline=keeping)
    if kept.unkept_at is not None:
        remember(memory, settlement, unkept=kept.unkept_at)
    now = datetime.now(UTC)
    report(journey, delivery.tally, kept, now=now, logger=logger, metrics=metrics)
    return settlement.response(kept.unkept_at)


def deadlines(now: float, left: float) -> tuple[float, float]:
    """Say until when to send and until when to keep dead letters, with so many seconds left."""
    return now + left * (1 - SETTLING), now + left * (1 - ANSWERING)


@cache
def _dead_letters() -> "DeadLetters":
    """The feed's dead letters, loaded with the first one: most invocations reject nothing."""
    import botocore.session  # noqa: PLC0415 - see above

    from forwarder.dead_letters import DeadLetters  # noqa: PLC0415 - see above
    from forwarder.storage import Storage  # noqa: PLC0415 - see above

    storage = Storage(
        botocore.session.get_session(),
        queue_url=settings.dead_letter_queue_url,
        bucket=settings.dead_letter_bucket,
    )
    names = ("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION")
    return DeadLetters(
        feed=settings.feed.name,
        stage=settings.stage,
        function=":".join(os.environ.get(name, "") for name in names),
        send=storage.send,
        put=storage.put,
        now=partial(datetime.now, UTC),
        clock=clock,
    )


def _where(error: Exception) -> str:
    """The line that raised, which says nothing of what it worked on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119 - pathlib is not needed at run time
