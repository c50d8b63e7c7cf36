"""(floor) The least that still signs: no validation, no retry, no account of what became of it.

orjson, own SigV4 with the day's key kept, raw sockets, threads that take the next session. It
does not even look at the answer but for its status. Nobody should run this.
"""

import hashlib
import hmac
import os
import socket
import threading
import time
from binascii import a2b_base64
from collections import defaultdict, deque
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.benchmarks.batches import ENTRIES_PER_CALL
from tests.benchmarks.contenders import TRACKER, Handle

_NAMES = "content-type;host;x-amz-date"


class Caller:
    """Signs and sends."""

    def __init__(self) -> None:
        """Compute all that does not change within a day."""
        url = urlsplit(os.environ["AWS_ENDPOINT_URL_PERSONALIZE_EVENTS"])
        self._address = (url.hostname or "", url.port or 80)
        day, region = time.strftime("%Y%m%d", time.gmtime()), os.environ["AWS_DEFAULT_REGION"]
        self._scope = f"{day}/{region}/personalize/aws4_request"
        key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
        for part in self._scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = key
        self._canonical = (
            f"POST\n/events\n\ncontent-type:application/json\nhost:{url.netloc}\nx-amz-date:"
        )
        self._head = (
            f"POST /events HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/"
            f"{self._scope}, SignedHeaders={_NAMES}, Signature="
        )
        self.idle: deque[socket.socket] = deque()

    def connection(self) -> socket.socket:
        """One that is idle, or a new one."""
        try:
            return self.idle.pop()
        except IndexError:
            sock = socket.create_connection(self._address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock

    def call(self, sock: socket.socket, body: bytes) -> None:
        """Send one request; anything but a success is an error."""
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        content = hashlib.sha256(body).hexdigest()
        request = hashlib.sha256(f"{self._canonical}{now}\n\n{_NAMES}\n{content}".encode())
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{self._scope}\n{request.hexdigest()}"
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        head = (
            f"{self._head}{signature}\r\nX-Amz-Date: {now}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        sock.sendall(head.encode() + body)
        if not sock.recv(65536).startswith(b"HTTP/1.1 200"):
            raise ConnectionError


def handle(event: dict[str, Any], caller: Caller, workers: int) -> None:
    """Send each session's events in order, sessions side by side."""
    sessions: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in event["Records"]:
        document = orjson.loads(a2b_base64(record["kinesis"]["data"]))
        sessions[document.pop("userId"), document.pop("sessionId")].append(document)
    waiting = deque(sessions.items())

    def work() -> None:
        sock = caller.connection()
        while True:
            try:
                (user, session), events = waiting.popleft()
            except IndexError:
                caller.idle.append(sock)
                return
            request = {"trackingId": TRACKER, "userId": user, "sessionId": session}
            for start in range(0, len(events), ENTRIES_PER_CALL):
                part = events[start : start + ENTRIES_PER_CALL]
                caller.call(sock, orjson.dumps({**request, "eventList": part}))

    threads = [threading.Thread(target=work) for _ in range(min(workers, len(waiting)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def connect(workers: int) -> Handle:
    """The handler with no connection yet."""
    caller = Caller()
    return lambda event: handle(event, caller, workers)
