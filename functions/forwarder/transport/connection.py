"""A persistent connection on which no wait outlives the call that uses it.

A socket's own timeout starts anew with every byte, so a peer that drips would hold a call for
ever: here each wait is given what is left of the call.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
from http.client import HTTPException, HTTPResponse
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from forwarder.transport import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from forwarder.transport.endpoint import Endpoint
    from forwarder.transport.watch import Watch


MOST_AHEAD = 16 * 1024
"""Bytes of a response that are looked at before anything parses them."""


class _Reader(io.RawIOBase):
    """The bytes of one response, each wait bounded by the call's watch."""

    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        super().__init__()
        self._sock = sock
        self._watch = watch
        self._ahead = b""
        self.seen = False
        self.ended = False

    def readable(self) -> bool:
        return True

    def look_ahead(self) -> bytes:
        """The first bytes of the response, which stay to be read."""
        self._sock.settimeout(self._watch.left())
        self._ahead = self._sock.recv(MOST_AHEAD)
        self.seen = bool(self._ahead)
        return self._ahead

    def readinto(self, buffer: Any) -> int:
        if self._ahead:
            part = self._ahead[: len(buffer)]
            buffer[: len(part)] = part
            self._ahead = self._ahead[len(part) :]
            return len(part)
        self._sock.settimeout(self._watch.left())
        count = self._sock.recv_into(buffer)
        self.seen = self.seen or count > 0
        self.ended = count == 0
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `HTTPResponse` asks a socket for."""
        return io.BufferedReader(self)


class Connection:
    """One socket, used by one call at a time."""

    __slots__ = ("_sock", "answered")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.answered = False
        """Whether a byte of the latest response arrived."""

    def ask(self, method: str, request: bytes, watch: Watch) -> HTTPResponse:
        """Send a request and read its response up to the body.

        Nothing is sent when the watch says that the call is over.

        Raises:
            OSError: The connection failed, or time was up (TimeoutError).
            HTTPException: What came back is not HTTP.
        """
        return self._read(method, self._send(request, watch))

    def call(self, method: str, request: bytes, watch: Watch) -> HTTPResponse | None:
        """The same; None is a plain success, which arrived whole and leaves nothing to read.

        `http.client` has the parser of e-mails read the headers, which costs as much CPU as all
        the rest of a call: it is only asked where the response says more than that.
        """
        reader = self._send(request, watch)
        first = reader.look_ahead()
        self.answered = reader.seen
        return None if answer.is_plain_success(first) else self._read(method, reader)

    def _send(self, request: bytes, watch: Watch) -> _Reader:
        self.answered = False
        watch.wake_with(self.shut)
        unsent = memoryview(request)
        while unsent:
            self._sock.settimeout(watch.left())
            watch.sent = True
            unsent = unsent[self._sock.send(unsent) :]
        return _Reader(self._sock, watch)

    def _read(self, method: str, reader: _Reader) -> HTTPResponse:
        # `makefile` is all that HTTPResponse uses of a socket.
        response = HTTPResponse(cast("socket.socket", reader), method=method)
        try:
            response.begin()
        finally:
            self.answered = reader.seen
        if reader.ended:  # HTTPResponse takes the end of the stream for the end of the headers
            raise ConnectionResetError
        return response

    def is_fresh(self) -> bool:
        """Whether an idle connection is still good: one that has something to say was closed."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def shut(self) -> None:
        """Wake whoever waits on the socket; for use by another thread."""
        with contextlib.suppress(OSError):
            # Not SSLSocket.shutdown: it takes TLS off first, and a sender would go on in plain.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back, without a word to the peer."""
        self._sock.close()


def connect(endpoint: Endpoint, watch: Watch) -> Connection:
    """Open a connection to the endpoint, through its proxy and TLS where it has them.

    Raises:
        OSError: There is none to be had within the watch's phase.
    """
    sock = _dial(*(endpoint.proxy or endpoint).address, watch)
    try:
        if endpoint.proxy is not None:
            _tunnel(sock, endpoint.proxy.request, watch)
        if endpoint.tls is not None:
            sock = endpoint.tls.context().wrap_socket(
                sock, server_hostname=endpoint.address[0], do_handshake_on_connect=False
            )
            watch.wake_with(Connection(sock).shut)
            sock.settimeout(watch.left())
            sock.do_handshake()
    except BaseException:
        sock.close()
        raise
    return Connection(sock)


def _tunnel(sock: socket.socket, request: bytes, watch: Watch) -> None:
    """Have the proxy connect us; its refusal is a connection that failed."""
    try:
        response = Connection(sock).ask("CONNECT", request, watch)
    except HTTPException:
        raise ConnectionError from None  # its text may show what the proxy said
    finally:
        watch.sent = False
    if response.status != 200:  # noqa: PLR2004 - CONNECT knows one success
        raise ConnectionRefusedError


def _dial(host: str, port: int, watch: Watch) -> socket.socket:
    """Connect to the first address that answers; each gets its share of the time."""
    addresses = look_up(host, port, watch)
    failure: OSError = ConnectionError()
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            watch.wake_with(Connection(sock).shut)
            sock.settimeout(watch.left() / (len(addresses) - tried))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def look_up(
    host: str, port: int, watch: Watch, ask: Callable[..., list[Any]] = socket.getaddrinfo
) -> list[Any]:
    """Resolve a name; `getaddrinfo` knows no time limit, so a thread waits in our place.

    Raises:
        OSError: There is no such name, or no answer within the watch's phase (TimeoutError).
    """
    answers: SimpleQueue[list[Any] | OSError] = SimpleQueue()

    def wait() -> None:
        try:
            answers.put(ask(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            answers.put(error)
        except UnicodeError:  # a label that is too long for a name
            answers.put(socket.gaierror())

    watch.wake_with(lambda: answers.put(TimeoutError()))
    left = watch.left()
    Thread(target=wait, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=left)
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer
