"""Where one operation is served, and what a transport has to know to call it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from botocore.credentials import ReadOnlyCredentials

    from forwarder.transport.sigv4 import Keys, Target

SERVICE = "personalize-events"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that tunnels to the endpoint."""

    address: tuple[str, int]
    request: bytes
    """The CONNECT request that opens the tunnel."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one operation is served, and what its requests look like."""

    address: tuple[str, int]
    tls: Tls | None
    proxy: Proxy | None
    target: Target


@dataclass(frozen=True, slots=True)
class Access:
    """One operation's endpoint, and who calls it."""

    endpoint: Endpoint
    credentials: Callable[[], Keys | ReadOnlyCredentials]
    """Those to sign with now: asked anew for each call, because they may expire."""


class Tls:
    """TLS for every connection to an endpoint.

    Reading the certificates to trust is a tenth of a cold start, so it is done once, for the
    first connection.
    """

    __slots__ = ("_context", "_lock", "_make")

    def __init__(self, make: Callable[[], SSLContext]) -> None:
        """Prepare; `make` is called once, by the first that connects."""
        self._make = make
        self._lock = threading.Lock()
        self._context: SSLContext | None = None

    def context(self) -> SSLContext:
        """The settings of every connection."""
        with self._lock:
            if self._context is None:
                self._context = self._make()
            return self._context
