"""What the endpoint says: success, refusals in the shape of AWS's rest-json, and noise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson

THROTTLED = "ThrottlingException"


class Manner(StrEnum):
    """How an answer reaches the caller, if it does."""

    WHOLE = "whole"
    DRIP = "drip"
    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `code` is AWS's name of the error, empty on success."""

    status: int
    code: str = ""
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE
    interval: float = 0.0


ACCEPTED = Answer(200)


def refuse(
    status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
) -> Answer:
    """Shape an error as AWS's rest-json does, so that boto3 raises the exception named `code`."""
    return Answer(
        status,
        code,
        orjson.dumps({"message": message}),
        headers={"x-amzn-ErrorType": code, **(headers or {})},
    )
