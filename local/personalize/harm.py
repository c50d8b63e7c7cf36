"""What the caller gets when a call meets a fault rule, one row for each action."""

from collections.abc import Callable, Mapping

from local.personalize.answers import THROTTLED, Answer, Manner, refuse
from local.personalize.faults import Action, Rule

_NOISE = bytes(range(128, 256)) * 4
_PAGE = b"<html><head><title>Error</title></head><body><h1>Error</h1></body></html>"
_DRIP_SECONDS = 0.05

# The service does not see the call.
BEFORE: Mapping[Action, Callable[[Rule], Answer]] = {
    Action.THROTTLE: lambda rule: refuse(
        rule.status or 400, THROTTLED, "Rate exceeded", headers=_retry_after(rule)
    ),
    Action.STATUS: lambda rule: Answer(
        rule.status or 500, body=_PAGE, content_type="text/html", headers=_retry_after(rule)
    ),
    Action.ERROR: lambda rule: refuse(rule.status or 500, rule.code or "", _text(rule)),
    Action.REFUSE: lambda rule: refuse(400, "InvalidInputException", _text(rule)),
    Action.GARBAGE_ERROR: lambda _: Answer(
        500, body=_NOISE, content_type="application/octet-stream"
    ),
    Action.RESET: lambda _: Answer(0, manner=Manner.RESET),
    Action.HANG: lambda _: Answer(0, manner=Manner.HANG),
}

# The service has kept what the call brought.
AFTER: Mapping[Action, Callable[[Rule], Answer]] = {
    Action.STORE_THEN_RESET: lambda _: Answer(0, manner=Manner.RESET),
    Action.STORE_THEN_HANG: lambda _: Answer(0, manner=Manner.HANG),
    Action.DRIP: lambda rule: Answer(200, manner=Manner.DRIP, interval=_interval(rule)),
    Action.GARBAGE: lambda _: Answer(200, body=_NOISE),
}


def _text(rule: Rule) -> str:
    return rule.message or "Injected"


def _interval(rule: Rule) -> float:
    return rule.interval_ms / 1000 if rule.interval_ms else _DRIP_SECONDS


def _retry_after(rule: Rule) -> dict[str, str]:
    if rule.retry_after_s is None:
        return {}
    milliseconds = str(round(rule.retry_after_s * 1000))
    return {"Retry-After": f"{rule.retry_after_s:g}", "x-amz-retry-after": milliseconds}
