"""An endpoint that accepts every call after a fixed time, and costs as little as it can.

`python -m tests.benchmarks.stub` prints its port, and ends when its input does. It is a process
of its own, so that the client's CPU is the client's alone.
"""

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections import deque
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self

from tests.benchmarks.machine import SERVER_CPUS, environment, pin

_ACCEPTED = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 22:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: 0\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\n\r\n"
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EVENTS = re.compile(rb'"eventType"')


class _Loop:
    """One thread, one epoll: requests in, answers out when they are due."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._poll = select.epoll()
        self._poll.register(listener, select.EPOLLIN)
        self._poll.register(sys.stdin, select.EPOLLIN)
        self._peers: dict[int, socket.socket] = {}
        self._partial: dict[int, bytes] = {}
        self._due: deque[tuple[float, socket.socket]] = deque()
        self._latency = 0.0
        self._calls = self._events = 0

    def run(self) -> None:
        """Serve until the input ends."""
        listener, control, due = self._listener.fileno(), sys.stdin.fileno(), self._due
        while True:
            wait = max(0.0, due[0][0] - time.monotonic()) if due else -1
            for number, _ in self._poll.poll(wait):
                if number == listener:
                    self._accept()
                elif number == control:
                    return
                else:
                    self._receive(self._peers[number])
            now = time.monotonic()
            while due and due[0][0] <= now:
                self._answer(due.popleft()[1], _ACCEPTED)

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[peer.fileno()] = peer
        self._poll.register(peer, select.EPOLLIN)

    def _receive(self, peer: socket.socket) -> None:
        number = peer.fileno()
        try:
            received = peer.recv(262_144)
        except ConnectionResetError:
            received = b""
        if not received:
            self._poll.unregister(number)
            self._partial.pop(number, None)
            self._peers.pop(number).close()
            return
        request = self._partial.pop(number, b"") + received
        head = request.find(b"\r\n\r\n")
        length = _LENGTH.search(request, 0, head) if head >= 0 else None
        if head < 0 or len(request) < head + 4 + (int(length[1]) if length else 0):
            self._partial[number] = request
        elif request.startswith(b"PUT"):
            self._control(peer, request[head + 4 :])
        else:
            self._calls += 1
            self._events += len(_EVENTS.findall(request, head))
            if self._latency:
                self._due.append((time.monotonic() + self._latency, peer))
            else:
                self._answer(peer, _ACCEPTED)

    def _control(self, peer: socket.socket, body: bytes) -> None:
        counted = json.dumps({"calls": self._calls, "events": self._events}).encode()
        self._calls = self._events = 0
        self._latency = json.loads(body).get("latency", self._latency)
        self._answer(
            peer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(counted), counted)
        )

    @staticmethod
    def _answer(peer: socket.socket, response: bytes) -> None:
        try:
            peer.send(response)
        except OSError:
            return  # it hung up; its reader will notice


class Stub:
    """The endpoint's process, as a context; ended by its own id."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.stub"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, *, latency: float = 0.0) -> dict[str, Any]:
        """What was accepted since the last count; from here on it answers after `latency`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("PUT", "/", json.dumps({"latency": latency}))
            counted: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return counted


def main() -> None:
    """Serve on a free port of the loopback interface."""
    pin(SERVER_CPUS)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        _Loop(listener).run()


if __name__ == "__main__":
    main()
