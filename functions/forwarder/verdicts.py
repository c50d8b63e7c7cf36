"""What each failure of a call means, by what to do next. The one table of it.

Losing data needs evidence and waiting does not: what is not known here is retried and deferred.
"""

from dataclasses import dataclass
from enum import Enum

from botocore import exceptions as botocore_errors

from forwarder import transport
from forwarder.outcomes import Cause


class Next(Enum):
    """What to do after a failed call."""

    SPLIT = "split"
    """The call holds what the service does not take: narrow it down."""
    RETRY = "retry"
    """The same call may succeed later: a few attempts, then defer."""
    STOP = "stop"
    """No call of this function can succeed: defer everything and raise the alarm."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure means.

    Attributes:
        next: What to do.
        cause: Why the entries are deferred, if they are in the end.
        attempts: How often the call is made at most, within one invocation.
        patience: Seconds that the first wait may last; each further one twice that.
    """

    next: Next
    cause: Cause = Cause.UNKNOWN
    attempts: int = 1
    patience: float = 0.0


REFUSED = Verdict(Next.SPLIT)
THROTTLED = Verdict(Next.RETRY, Cause.THROTTLED, attempts=5, patience=0.4)
UNAVAILABLE = Verdict(Next.RETRY, Cause.UNAVAILABLE, attempts=4, patience=0.1)
TIMED_OUT = Verdict(Next.RETRY, Cause.TIMED_OUT, attempts=2, patience=0.1)
EXPIRED = Verdict(Next.RETRY, Cause.EXPIRED_CREDENTIALS, attempts=2, patience=0.1)
# An import holds a dataset for minutes: the next delivery of the batch is soon enough.
IN_USE = Verdict(Next.RETRY, Cause.IN_USE)
UNKNOWN = Verdict(Next.RETRY, Cause.UNKNOWN, attempts=2, patience=0.4)
MISCONFIGURED = Verdict(Next.STOP, Cause.MISCONFIGURED)

CODES = {
    "InvalidInputException": REFUSED,
    "ValidationException": REFUSED,
    "SerializationException": REFUSED,
    "RequestEntityTooLarge": REFUSED,
    "ResourceInUseException": IN_USE,
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "RequestExpired": EXPIRED,
    "RequestTimeTooSkewed": EXPIRED,
    "Throttling": THROTTLED,
    "ThrottlingException": THROTTLED,
    "ThrottledException": THROTTLED,
    "RequestThrottled": THROTTLED,
    "RequestThrottledException": THROTTLED,
    "TooManyRequestsException": THROTTLED,
    "LimitExceededException": THROTTLED,
    "RequestLimitExceeded": THROTTLED,
    "BandwidthLimitExceeded": THROTTLED,
    "SlowDown": THROTTLED,
    "ResourceNotFoundException": MISCONFIGURED,
}
"""By the service's error code; it goes before the status."""

STATUSES = {
    401: MISCONFIGURED,
    403: MISCONFIGURED,
    404: MISCONFIGURED,
    408: TIMED_OUT,
    413: REFUSED,
    429: THROTTLED,
}
"""By the HTTP status, where the code says nothing; every other one from 500 on is UNAVAILABLE."""

ERRORS: dict[type[Exception], Verdict] = {
    transport.ConnectFailed: UNAVAILABLE,
    transport.Disconnected: UNAVAILABLE,
    transport.Timeout: TIMED_OUT,
    botocore_errors.ParamValidationError: REFUSED,
    botocore_errors.NoCredentialsError: MISCONFIGURED,
    botocore_errors.PartialCredentialsError: MISCONFIGURED,
    botocore_errors.NoRegionError: MISCONFIGURED,
    botocore_errors.CredentialRetrievalError: EXPIRED,
    botocore_errors.ReadTimeoutError: TIMED_OUT,
    botocore_errors.ConnectTimeoutError: TIMED_OUT,
    botocore_errors.HTTPClientError: UNAVAILABLE,
}
"""By the exception's type, the nearest ancestor first, where there was no answer."""


def judge(error: Exception) -> Verdict:
    """Say what a failed call means; what nobody has classified is UNKNOWN."""
    match error:
        case transport.ServiceError():
            return _of_answer(error.code, error.status)
        case botocore_errors.ClientError():
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return _of_answer(error.response.get("Error", {}).get("Code", ""), status)
    known = (ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS)
    return next(known, UNKNOWN)


def _of_answer(code: str, status: int) -> Verdict:
    if code in CODES:
        return CODES[code]
    if status >= 500:  # noqa: PLR2004 - HTTP's class of server errors
        return UNAVAILABLE
    return STATUSES.get(status, UNKNOWN)
