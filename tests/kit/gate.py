"""A gate before an HTTP service: what passes it is decided call by call."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from loopback import Peer, Request, serve

_HOP = {"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"}
_SECONDS = 60.0


@dataclass(slots=True)
class Passage:
    """One call at the gate. Unless something else is done with it, it is let through."""

    number: int
    request: Request
    _peer: Peer
    _upstream: str
    done: bool = False

    def pass_on(self) -> bytes:
        """Let the service do it; its answer is held here."""
        method, path, _ = self.request.line.split(" ")
        with closing(http.client.HTTPConnection(self._upstream, timeout=_SECONDS)) as connection:
            connection.request(method, path, self.request.body, self.request.headers)
            response = connection.getresponse()
            body = response.read()
            kept = [(k, v) for k, v in response.getheaders() if k.lower() not in _HOP]
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in [*kept, ("Content-Length", len(body))]]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def answer(self, response: bytes) -> None:
        """Answer the caller."""
        self.done = True
        self._peer.answer(response)

    def refuse(self, status: int, code: str) -> None:
        """Answer with an error as AWS shapes it; the service does not see the call."""
        body = b'{"__type":"' + code.encode() + b'","message":"refused at the gate"}'
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n"
        head += f"x-amzn-ErrorType: {code}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.answer(head.encode() + body)

    def reset(self) -> None:
        """Drop the connection."""
        self.done = True
        self._peer.reset()

    def hang(self) -> None:
        """Say nothing until the caller hangs up."""
        self.done = True
        self._peer.hang()


Attend = Callable[[Passage], None]


def let_through(_: Passage) -> None:
    """Hinder nothing."""


@dataclass(slots=True)
class Gate:
    """The gate: `attend` is asked about each call; it and `upstream` may be changed any time."""

    upstream: str
    url: str = ""
    attend: Attend = let_through
    passed: int = 0


@contextmanager
def gate(url: str, attend: Attend = let_through) -> Iterator[Gate]:
    """Open a gate before the service at `url`."""
    opened = Gate(url, attend=attend)

    def behave(peer: Peer) -> None:
        with suppress(ConnectionError, http.client.HTTPException):
            while (request := peer.request()) is not None:
                opened.passed += 1
                upstream = urlsplit(opened.upstream).netloc
                passage = Passage(opened.passed, request, peer, upstream)
                opened.attend(passage)
                if not passage.done:
                    passage.answer(passage.pass_on())

    with serve(behave) as server:
        opened.url = f"http://127.0.0.1:{server.port}"
        yield opened
