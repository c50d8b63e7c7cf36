"""What the service said: that it accepted a call, or which error it made of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.client import HTTPResponse

MOST_READ = 64 * 1024
"""Bytes of a response's body that are looked at."""


# Any header but those that decide where the response ends and whether another may follow.
_PLAIN_HEADER = (
    rb"(?!content-length[ \t]*:|transfer-encoding[ \t]*:"
    rb"|connection[ \t]*:(?![ \t]*keep-alive[ \t]*\r\n))[a-z][a-z0-9-]*:[^\r\n]*\r\n"
)
_PLAIN_SUCCESS = re.compile(
    rb"HTTP/1\.1 2\d\d(?: [^\r\n]*)?\r\n(?:%b)*+content-length:[ \t]*(\d{1,5})\r\n(?:%b)*+\r\n"
    % (_PLAIN_HEADER, _PLAIN_HEADER),
    re.IGNORECASE,
)


def is_plain_success(data: bytes) -> bool:
    """Whether this is one whole success, not a byte more, on a connection that stays open."""
    head = _PLAIN_SUCCESS.match(data)
    return head is not None and len(data) == head.end() + int(head[1])


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not a success."""

    code: str
    """The error's name in the API, such as `ThrottlingException`; "" if it gave none."""
    status: int
    retry_after: float | None
    """Seconds the service wants to be left alone, if it said so."""


def read(response: HTTPResponse) -> Refusal | None:
    """Read a response to its end, or as far as is worth it; None is a success.

    A success is one by its status, whatever its body says; but it has to arrive whole. A refusal
    is one as soon as its status is there.

    Raises:
        OSError: A success that broke off, or took too long.
        HTTPException: The same, in a chunked body.
    """
    accepted = 200 <= response.status < 300  # noqa: PLR2004 - HTTP's range for success
    try:
        body = response.read(MOST_READ)
    except (OSError, HTTPException):
        if accepted:
            raise
        body = b""
    if not accepted:
        return _refusal(response, body)
    if not (response.isclosed() or response.will_close or len(body) == MOST_READ):
        raise ConnectionResetError
    return None


def ended_cleanly(response: HTTPResponse) -> bool:
    """Whether the connection may carry another request: all was read, and it stays open."""
    return response.isclosed() and not response.will_close


def _refusal(response: HTTPResponse, body: bytes) -> Refusal:
    code = response.getheader("x-amzn-errortype") or _code_in(body)
    code = code.partition(":")[0].rpartition("#")[2]
    return Refusal(
        # Anything else than a name is not repeated: it could be a part of the request.
        code=code if re.fullmatch(r"[A-Za-z][\w.]{0,99}", code, re.ASCII) else "",
        status=response.status,
        retry_after=_retry_after(response),
    )


def _code_in(body: bytes) -> str:
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(error, dict):
        return ""
    code = error.get("code", error.get("Code", error.get("__type", "")))
    return code if isinstance(code, str) else ""


def _retry_after(response: HTTPResponse) -> float | None:
    for name, unit in (("x-amz-retry-after", 0.001), ("retry-after", 1.0)):
        value = response.getheader(name, "")
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
            return float(value) * unit
    return None
