"""How a call fails.

TransportError            the service did not (as far as is known) accept the call
├── ServiceError          it answered, with an error
├── ConnectFailed         no connection: nothing was sent
├── Timeout               time was up, or the call was aborted
└── Disconnected          the connection ended, or brought something that is not HTTP

After the last two the service may have processed the call all the same. No text of these
shows anything of a request, or of a response but its error's code.
"""

from typing import ClassVar, Literal


class TransportError(Exception):
    """The service did not, as far as is known, accept the call."""

    kind: ClassVar[Literal["service", "connect", "timeout", "disconnected"]]

    def __init__(self, cause: str) -> None:
        super().__init__(f"{self.kind}: {cause}")


class ServiceError(TransportError):
    """The service answered with an error.

    Attributes:
        code: The error's name in the API, such as `ThrottlingException`; "" if it gave none.
        status: The HTTP status.
        retry_after: Seconds the service wants to be left alone, if it said so.
    """

    kind = "service"

    def __init__(self, code: str, status: int, retry_after: float | None) -> None:
        super().__init__(f"{code or 'error without a code'} ({status})")
        self.code = code
        self.status = status
        self.retry_after = retry_after


class ConnectFailed(TransportError):  # noqa: N818 - it names what happened, as in the tree above
    """There was no connection to be had: nothing was sent."""

    kind = "connect"


class Timeout(TransportError):  # noqa: N818 - as above
    """Time was up, or the call was aborted; the service may have processed it."""

    kind = "timeout"


class Disconnected(TransportError):  # noqa: N818 - as above
    """The connection ended before a whole response; the service may have processed the call."""

    kind = "disconnected"
