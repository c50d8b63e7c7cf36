"""The one table of failures is complete, and what it does not know is never given up."""

import inspect
from typing import Any

import botocore.session
import pytest
from botocore import exceptions as botocore_errors
from botocore.exceptions import ClientError

from forwarder import transport
from forwarder.outcomes import Cause
from forwarder.transport import ServiceError
from forwarder.verdicts import (
    CODES,
    ERRORS,
    EXPIRED,
    IN_USE,
    MISCONFIGURED,
    REFUSED,
    THROTTLED,
    TIMED_OUT,
    UNAVAILABLE,
    UNKNOWN,
    Next,
    judge,
)


def client_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutEvents")


@pytest.mark.parametrize(
    ("code", "status", "verdict"),
    [
        ("InvalidInputException", 400, REFUSED),
        ("", 413, REFUSED),
        ("ThrottlingException", 400, THROTTLED),
        ("", 429, THROTTLED),
        ("ResourceInUseException", 409, IN_USE),
        ("ExpiredTokenException", 403, EXPIRED),
        ("AccessDeniedException", 403, MISCONFIGURED),
        ("ResourceNotFoundException", 404, MISCONFIGURED),
        ("", 500, UNAVAILABLE),
        ("InternalServerException", 503, UNAVAILABLE),
        ("", 408, TIMED_OUT),
        ("", 400, UNKNOWN),
        ("NeverHeardOf", 400, UNKNOWN),
        ("", 302, UNKNOWN),
    ],
)
def test_an_answer_is_judged_by_its_code_and_then_by_its_status(code, status, verdict):
    assert judge(ServiceError(code, status, None)) == verdict
    assert judge(client_error(code, status)) == verdict


def test_every_error_of_the_service_model_has_a_verdict():
    model = botocore.session.get_session().get_service_model("personalize-events")

    assert {shape.name for shape in model.error_shapes} <= CODES.keys()


def test_every_error_of_the_transport_has_a_verdict():
    errors = {
        kind
        for _, kind in inspect.getmembers(transport, inspect.isclass)
        if issubclass(kind, transport.TransportError)
        and kind not in {transport.TransportError, transport.ServiceError}
    }

    assert errors <= ERRORS.keys()


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for _, kind in inspect.getmembers(botocore_errors, inspect.isclass)
        if issubclass(kind, botocore_errors.BotoCoreError)
    ],
    ids=lambda kind: kind.__name__,
)
def test_no_error_of_botocore_costs_a_record_but_bad_parameters(kind):
    error = kind.__new__(kind)

    refused = judge(error) == REFUSED

    assert refused == (kind is botocore_errors.ParamValidationError)


def test_what_nobody_knows_is_tried_again_and_deferred():
    verdict = judge(RuntimeError())

    assert (verdict.next, verdict.cause) == (Next.RETRY, Cause.UNKNOWN)


def test_only_evidence_splits_a_call():
    assert {code for code, verdict in CODES.items() if verdict.next is Next.SPLIT} == {
        "InvalidInputException",
        "ValidationException",
        "SerializationException",
        "RequestEntityTooLarge",
    }
