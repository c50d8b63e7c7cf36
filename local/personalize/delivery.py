"""How an answer reaches the caller: whole, byte by byte, or not at all."""

import socket
import struct
import uuid
from typing import Protocol

from aiohttp import web

from local.personalize.answers import Answer, Manner

_LOOK_SECONDS = 0.1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Pause(Protocol):
    """Waits; True if the server stops meanwhile."""

    async def __call__(self, seconds: float, /) -> bool:
        """Wait so many seconds, or until the server stops."""


async def deliver(request: web.BaseRequest, answer: Answer, pause: Pause) -> web.Response:
    """Send the answer in its manner; a hanging call ends with its caller or with the server."""
    match answer.manner:
        case Manner.WHOLE:
            return respond(answer)
        case Manner.HANG:
            while request.transport is not None and not await pause(_LOOK_SECONDS):
                pass
        case Manner.DRIP:
            await _drip(request, answer, pause)
        case Manner.RESET:
            pass
    _cut(request)
    return web.Response()


def respond(answer: Answer) -> web.Response:
    """The answer as AWS sends it, with a request id."""
    headers = {"x-amzn-RequestId": str(uuid.uuid4()), **answer.headers}
    return web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        headers=headers,
    )


async def _drip(request: web.BaseRequest, answer: Answer, pause: Pause) -> None:
    head = (
        f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    )
    for byte in head.encode() + answer.body:
        if request.transport is None:
            return
        request.transport.write(bytes((byte,)))
        if await pause(answer.interval):
            return
    if request.transport is not None:
        request.transport.close()


def _cut(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None or transport.is_closing():
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
