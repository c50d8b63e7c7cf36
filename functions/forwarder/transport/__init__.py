"""The one seam to the network: `transport(body, deadline)` returns, or raises a TransportError."""

from forwarder.transport.access import find_access
from forwarder.transport.client import Transport
from forwarder.transport.errors import (
    ConnectFailed,
    Disconnected,
    ServiceError,
    Timeout,
    TransportError,
)

__all__ = [
    "ConnectFailed",
    "Disconnected",
    "ServiceError",
    "Timeout",
    "Transport",
    "TransportError",
    "find_access",
]
