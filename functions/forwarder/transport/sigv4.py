"""AWS Signature Version 4 for one operation, with all that a call does not change kept.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.credentials import ReadOnlyCredentials

USER_AGENT = "personalize-stream"


class Keys(NamedTuple):
    """What a request is signed with, in botocore's words."""

    access_key: str
    secret_key: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """What every request of one operation shares, as it stands on the wire."""

    method: str
    path: str
    canonical_path: str
    """`path` as the signature wants it: normalised, and quoted once more."""
    host: str
    """The Host header: with its port where that is not the scheme's own."""
    content_type: str
    region: str
    service: str
    """The signing name, `personalize`."""


@dataclass(frozen=True, slots=True)
class _Day:
    """What one key pair signs with on one day (UTC)."""

    date: str
    credentials: Keys | ReadOnlyCredentials
    key: bytes
    scope: str
    canonical_tail: str
    headers: str
    authorization: str


class Signer:
    """Writes the signed head of a request.

    Safe for many threads: the day's key is replaced as a whole, and two threads that replace
    it at once compute the same.
    """

    __slots__ = ("_canonical", "_day", "_request", "_target")

    def __init__(self, target: Target) -> None:
        self._target = target
        self._canonical = (
            f"{target.method}\n{target.canonical_path}\n\n"
            f"content-type:{target.content_type}\nhost:{target.host}\nx-amz-date:"
        )
        self._request = (
            f"{target.method} {target.path} HTTP/1.1\r\nHost: {target.host}\r\n"
            f"User-Agent: {USER_AGENT}\r\nContent-Type: {target.content_type}\r\nContent-Length: "
        )
        self._day: _Day | None = None

    def head(self, body: bytes, credentials: Keys | ReadOnlyCredentials, now: datetime) -> bytes:
        """Everything that goes before `body`: request line and headers, signed.

        Args:
            body: The request's body, which the signature covers.
            credentials: A frozen set; the session token, if there is one, is signed as well.
            now: An aware datetime in UTC.

        Raises:
            ValueError: A credential would not fit into a header; nothing of it is shown.
        """
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        day = self._day
        if day is None or day.date != moment[:8] or day.credentials != credentials:
            day = self._day = self._new_day(moment[:8], credentials)
        request = f"{self._canonical}{moment}{day.canonical_tail}{hashlib.sha256(body).hexdigest()}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{day.scope}\n{digest}"
        signature = hmac.digest(day.key, to_sign.encode(), "sha256").hex()
        return (
            f"{self._request}{len(body)}\r\nX-Amz-Date: {moment}\r\n"
            f"{day.headers}{day.authorization}{signature}\r\n\r\n"
        ).encode()

    def _new_day(self, date: str, credentials: Keys | ReadOnlyCredentials) -> _Day:
        access_key, token = credentials.access_key or "", credentials.token or ""
        for value in (access_key, token):
            if not value.isascii() or not value.isprintable() or " " in value:
                raise ValueError("a credential holds a character that no header may hold")
        target = self._target
        key = f"AWS4{credentials.secret_key}".encode()
        for part in (date, target.region, target.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        names = "content-type;host;x-amz-date" + (";x-amz-security-token" if token else "")
        scope = f"{date}/{target.region}/{target.service}/aws4_request"
        return _Day(
            date=date,
            credentials=credentials,
            key=key,
            scope=scope,
            canonical_tail=(
                (f"\nx-amz-security-token:{token}" if token else "") + f"\n\n{names}\n"
            ),
            headers=f"X-Amz-Security-Token: {token}\r\n" if token else "",
            authorization=(
                f"Authorization: AWS4-HMAC-SHA256 Credential={access_key}/{scope}, "
                f"SignedHeaders={names}, Signature="
            ),
        )
