"""One call of one Personalize operation, over connections that are kept.

Why not boto3: docs/decisions/0003-transport.md.
"""

from __future__ import annotations

import ssl
import threading
import time
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING

from forwarder.transport import answer
from forwarder.transport.connection import Connection, connect
from forwarder.transport.errors import (
    ConnectFailed,
    Disconnected,
    ServiceError,
    Timeout,
    TransportError,
)
from forwarder.transport.sigv4 import Signer
from forwarder.transport.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from forwarder.transport.endpoint import Access


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Transport:
    """Sends requests of one operation; for many threads at once.

    Connections are kept and the one used last is used next. Nothing is sent twice, with one
    exception: where a kept connection turns out to have been closed by the service before a
    byte of response came, the request goes out once more on a new one. Every other retry
    belongs to the caller, who sends the same body: Personalize drops a repeated `eventId`.
    """

    def __init__(
        self,
        access: Access,
        *,
        connect_timeout: float = 2.0,
        read_timeout: float = 10.0,
        connections: int = 64,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Connect to nothing yet.

        Args:
            access: The operation's endpoint, and credentials to sign with.
            connect_timeout: Seconds for a whole connection: name, TCP, proxy and TLS.
            read_timeout: Seconds from the first byte sent to the last one received.
            connections: Idle connections to keep. Calls that find none open their own.
            clock: What deadlines are measured with.
            now: The time that signatures carry.
        """
        self._credentials = access.credentials
        self._endpoint = access.endpoint
        self._signer = Signer(self._endpoint.target)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._most_idle = connections
        self._in_flight: set[Watch] = set()

    def __call__(self, body: bytes, deadline: float) -> None:
        """Send one request; return when the service accepted it.

        The call never outlives `deadline`, whatever the endpoint does, and sends nothing once it
        has passed. (Refreshing credentials is botocore's, with its own limits.)

        Args:
            body: The finished JSON body.
            deadline: When to give up, on the transport's clock.

        Raises:
            TransportError: The service did not accept it, as far as is known.
            botocore.exceptions.BotoCoreError: Credentials could not be refreshed; nothing sent.
        """
        watch = Watch(deadline, self._clock)
        failure: TransportError | None
        with self._lock:
            self._in_flight.add(watch)
        try:
            failure = self._exchange(body, watch)
        except (OSError, HTTPException) as error:
            failure = _explain(error, watch)
        finally:
            with self._lock:
                self._in_flight.discard(watch)
        # Not raised above, where it would drag along texts that show what was received.
        if failure is not None:
            raise failure

    def abort(self) -> None:
        """End every call in flight now, as a Timeout; what is not sent yet never will be.

        Call it before a Lambda invocation returns: a frozen environment's clock may stand
        still, and a call that is still waiting would go on where it was when it thaws.
        Calls that begin later are not affected.
        """
        with self._lock:
            for watch in self._in_flight:
                watch.cut()

    def close(self) -> None:
        """Close the idle connections and keep no more; calls in flight may finish."""
        with self._lock:
            self._most_idle = 0
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(self, body: bytes, watch: Watch) -> TransportError | None:
        connection = self._take_idle()
        if connection is not None:
            try:
                return self._converse(connection, body, watch)
            except (ConnectionError, ssl.SSLError):
                if connection.answered:
                    raise
        watch.phase(self._connect_timeout)
        return self._converse(connect(self._endpoint, watch), body, watch)

    def _converse(self, connection: Connection, body: bytes, watch: Watch) -> TransportError | None:
        """Send the request and read the answer; the connection is kept if it can be."""
        kept = False
        try:
            credentials = self._credentials()
            head = self._signer.head(body, credentials, self._now())
            watch.phase(self._read_timeout)
            response = connection.call(self._endpoint.target.method, head + body, watch)
            if response is None:
                kept = self._keep(connection, watch)
                return None
            refusal = answer.read(response)
            kept = answer.ended_cleanly(response) and self._keep(connection, watch)
        finally:
            if not kept:
                connection.close()
        if refusal is None:
            return None
        return ServiceError(refusal.code, refusal.status, refusal.retry_after)

    def _take_idle(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.is_fresh():
                return connection
            connection.close()

    def _keep(self, connection: Connection, watch: Watch) -> bool:
        with self._lock:
            watch.wake_with(None)  # from here on the connection is no longer this call's
            kept = len(self._idle) < self._most_idle
            if kept:
                self._idle.append(connection)
        return kept


def _explain(error: OSError | HTTPException, watch: Watch) -> TransportError:
    cause = type(error).__name__
    if watch.over or (watch.sent and isinstance(error, TimeoutError)):
        return Timeout(cause)
    return Disconnected(cause) if watch.sent else ConnectFailed(cause)
