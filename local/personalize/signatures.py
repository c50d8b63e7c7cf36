"""Signature Version 4 of a call: present and well-formed always, verified if secrets are known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.personalize.answers import Answer, refuse

SIGNING_NAME = "personalize"
LIFETIME_SECONDS = 300
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request, *SignedHeaders=(?P<headers>[a-z0-9;_-]+),"
    r" *Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """What of a call is signed; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def doubt(call: Signed, *, secrets: Mapping[str, str], now: float) -> Answer | None:
    """Refuse a call as AWS does if its signature is missing, ill-formed or wrong.

    Without `secrets` (by access key id) only the form and the scope are looked at.
    """
    match = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
    if match is None:
        return refuse(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    if match["service"] != SIGNING_NAME:
        return _wrong(f"Credential should be scoped to correct service: '{SIGNING_NAME}'.")
    if not secrets:
        return None
    if match["key"] not in secrets:
        message = "The security token included in the request is invalid."
        return refuse(403, "UnrecognizedClientException", message)
    if problem := _problem(call, match, secrets[match["key"]], now):
        return _wrong(problem)
    return None


def _problem(call: Signed, match: re.Match[str], secret: str, now: float) -> str | None:
    names = match["headers"].split(";")
    stamp = call.headers.get("x-amz-date", "")
    if not {"host", "x-amz-date"} <= set(names) or not stamp.startswith(match["day"]):
        return "'Host' and 'X-Amz-Date' must be signed headers, of the credential's day."
    if any(name not in call.headers for name in names):
        return "A signed header is not part of the request."
    if abs(now - _seconds(stamp)) > LIFETIME_SECONDS:
        return f"Signature expired: {stamp} is too far from the current time."
    digest = call.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if digest not in ("UNSIGNED-PAYLOAD", sha256(call.body).hexdigest()):
        return "The provided 'x-amz-content-sha256' header does not match what was computed."
    if not compare_digest(_signature(call, match, names, secret, stamp), match["signature"]):
        return "The request signature we calculated does not match the signature you provided."
    return None


def _signature(
    call: Signed, match: re.Match[str], names: list[str], secret: str, stamp: str
) -> str:
    signer = SigV4Auth(Credentials(match["key"], secret), SIGNING_NAME, match["region"])
    request = AWSRequest(
        method=call.method,
        url=f"http://{call.headers['host']}{call.path}",
        headers={name: call.headers[name] for name in names},
        data=call.body,
    )
    request.context["timestamp"] = stamp
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(to_sign, request))


def _seconds(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _wrong(message: str) -> Answer:
    return refuse(403, "InvalidSignatureException", message)
