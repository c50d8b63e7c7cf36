from typing import Any

import pytest

from local.personalize.summary import summarise


def calls(count, **ended: Any):
    row = {"operation": "PutEvents", "target": "t", "code": "", "fault": "", "kept": 0}
    return row | {"ignored": "[]", "calls": count, "entries": count * 10} | ended


def figures(*rows: dict[str, Any]):
    report = summarise(rows, (), {"PutEvents": False, "PutItems": True}, {})
    return report["operations"]["PutEvents"]["t"]


def test_every_call_is_accepted_refused_throttled_or_kept_from_being_judged():
    seen = figures(
        calls(1, kept=1),
        calls(2, code="InvalidInputException"),
        calls(4, code="ThrottlingException"),
        calls(8, code="ThrottlingException", fault="throttle"),
        calls(16, fault="reset"),
        calls(32, fault="latency store_then_reset", kept=1),
        calls(64, fault="latency", code="ThrottlingException"),
        calls(128, fault="latency", code="ResourceNotFoundException"),
        calls(256, fault="error", code="ThrottlingException"),
    )

    assert seen["calls"] == 511
    assert seen["accepted"] == 1 + 32
    assert seen["throttled"] == 4 + 64
    assert seen["refused"] == {"InvalidInputException": 2, "ResourceNotFoundException": 128}
    assert seen["faulted"] == {
        "throttle": 8, "reset": 16, "latency": 32 + 64 + 128, "store_then_reset": 32, "error": 256,
    }  # fmt: skip
    assert seen["entries"] == 10 * (1 + 32)


def test_a_call_refused_in_spite_of_a_fault_that_stores_is_refused():
    assert figures(calls(1, fault="drip", code="InvalidInputException"))["refused"] == {
        "InvalidInputException": 1
    }


@pytest.mark.parametrize("fault", ["refuse", "error", "garbage_error", "status", "hang"])
def test_a_call_that_a_fault_answered_is_not_one_the_service_refused(fault):
    assert figures(calls(1, fault=fault, code="InvalidInputException"))["refused"] == {}


def test_ignored_members_are_counted_by_the_calls_that_had_them():
    seen = figures(
        calls(2, kept=1, ignored='["eventList.itmeId"]'),
        calls(3, kept=1, ignored='["eventList.itmeId", "odd name"]'),
    )

    assert seen["ignored_fields"] == {"eventList.itmeId": 5, "odd name": 3}
