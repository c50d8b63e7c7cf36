"""A server on the loopback interface that behaves as a test tells it to."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.credentials import Credentials
from botocore.loaders import create_loader

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG")
LOADER = create_loader()  # keeps what it has read of botocore's data for the next session
ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(slots=True)
class Peer:
    """The server's end of one connection."""

    sock: socket.socket
    number: int
    """Counted from 1."""
    server: Server
    buffered: bytes = b""

    def request(self) -> Request | None:
        """The next request, or None when the client hung up."""
        while b"\r\n\r\n" not in self.buffered:
            if not self._more():
                return None
        head, _, rest = self.buffered.partition(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (each.partition(":") for each in lines)}
        self.buffered = rest
        length = int(headers.get("content-length", "0"))
        while len(self.buffered) < length:
            if not self._more():
                return None
        body, self.buffered = self.buffered[:length], self.buffered[length:]
        request = Request(line, headers, body)
        self.server.requests.append(request)
        return request

    def _more(self) -> bool:
        received = self.sock.recv(65536)
        self.buffered += received
        return bool(received)

    def answer(self, response: bytes = ACCEPTED) -> None:
        """Send bytes."""
        self.sock.sendall(response)

    def respond(self, body: bytes = b"", *, status: int = 200) -> None:
        """Send a response with this body."""
        self.answer(b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)

    def drip(self, response: bytes) -> None:
        """Send a byte now and then, for as long as somebody listens."""
        for byte in response:
            self.sock.sendall(bytes([byte]))
            if self.server.stopped.wait(0.02):
                return

    def hang(self) -> None:
        """Say nothing until the client hangs up."""
        while self.sock.recv(65536):
            pass

    def reset(self) -> None:
        """Drop the connection the hard way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def accept_all(peer: Peer) -> None:
    """Accept every request."""
    while peer.request():
        peer.answer()


@dataclass(slots=True)
class Server:
    """What the server saw."""

    port: int
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it serves, without TLS."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serve(
    behave: Callable[[Peer], None] = accept_all, tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Serve each connection in a thread of its own, and close all in the end."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = Server(listener.getsockname()[1])
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def attend(sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
            if tls is not None:
                sock = tls.wrap_socket(sock, server_side=True)
            sockets.append(sock)
            closing.callback(sock.close)
            behave(Peer(sock, number, server))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                server.connections += 1
                sockets.append(sock)
                thread = threading.Thread(target=attend, args=(sock, server.connections))
                threads.append(thread)
                thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        server.stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for sock in sockets:
            sock.close()


@dataclass(frozen=True, slots=True)
class _Provider:
    credentials: Credentials | None

    def load_credentials(self) -> Credentials | None:
        return self.credentials


def session_for(
    directory: Path,
    *,
    credentials: Credentials | None = CREDENTIALS,
    region: str = "eu-west-1",
    ca_bundle: str | None = None,
    **settings: Any,
) -> botocore.session.Session:
    """A botocore session with given credentials, whose config file holds `settings`."""
    config = directory / "config"
    config.write_text("[default]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
    session = botocore.session.Session()
    session.set_config_variable("config_file", str(config))
    session.set_config_variable("region", region)
    session.set_config_variable("ca_bundle", ca_bundle)
    session.register_component("data_loader", LOADER)
    session.register_component("credential_provider", _Provider(credentials))
    return session


def session_to(server: Server, directory: Path) -> botocore.session.Session:
    """A botocore session all of whose services are this server."""
    return session_for(
        directory,
        endpoint_url=server.url,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
