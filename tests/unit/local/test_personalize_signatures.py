from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from personalize_calls import KEY, SECRET, WRONG

from local.personalize.signatures import Signed, doubt

SECRETS = {KEY: SECRET}


def signed(*, secret=SECRET, key=KEY, service="personalize", token=None, **received: Any):
    """What botocore signs, and then what the endpoint receives where that differs."""
    request = AWSRequest("POST", "http://127.0.0.1:1234/events", data=b"{}")
    SigV4Auth(Credentials(key, secret, token), service, "eu-west-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Signed(
        method=received.get("method", "POST"),
        path=received.get("path", "/events"),
        headers=headers | {"host": "127.0.0.1:1234"} | received.get("headers", {}),
        body=received.get("body", b"{}"),
    )


def at(call):
    stamp = call.headers["x-amz-date"]
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def code(call, *, secrets=SECRETS, late=0):
    refusal = doubt(call, secrets=secrets, now=at(call) + late)
    return refusal.code if refusal else None


@pytest.mark.parametrize("token", [None, "session-token"])
def test_what_botocore_signs_is_believed(token):
    assert code(signed(token=token)) is None


@pytest.mark.parametrize(
    "header", ["", "Bearer abc", "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/personalize"]
)
def test_a_call_without_a_well_formed_signature_is_refused(header):
    refused = doubt(signed(headers={"authorization": header}), secrets={}, now=0)

    assert refused is not None
    assert (refused.status, refused.code) == (403, "MissingAuthenticationTokenException")
    assert orjson.loads(refused.body)["message"] == "Missing Authentication Token"


def test_a_signature_for_another_service_is_refused():
    assert code(signed(service="kinesis"), secrets={}) == "InvalidSignatureException"


def test_without_secrets_only_the_form_is_looked_at():
    assert code(signed(secret=WRONG), secrets={}, late=10_000) is None


@pytest.mark.parametrize(
    "call",
    [
        signed(secret=WRONG),
        signed(method="PUT"),
        signed(path="/items"),
        signed(headers={"host": "elsewhere"}),
        signed(headers={"x-amz-content-sha256": "0" * 64}),
        signed(body=b'{"tampered": true}'),
    ],
    ids=["secret", "method", "path", "header", "digest", "body"],
)
def test_whatever_differs_from_what_was_signed_is_refused(call):
    assert code(call) == "InvalidSignatureException"


@pytest.mark.parametrize("late", [-400, 400])
def test_a_signature_is_good_for_minutes_only(late):
    assert code(signed(), late=late) == "InvalidSignatureException"
    assert code(signed(), late=late / 2) is None


def test_an_access_key_that_nobody_knows_is_refused():
    assert code(signed(key="AKIDOTHER")) == "UnrecognizedClientException"
