import pytest

from local.personalize.model import load_operations
from local.personalize.quotas import Quotas, rates

OPERATIONS = load_operations()


def admitted(quotas, calls, *, now, operation="PutItems", target="items"):
    return sum(quotas.admit(operation, target, now) for _ in range(calls))


def test_events_have_a_thousand_calls_a_second_and_upserts_ten():
    assert rates(OPERATIONS, {}) == {
        "PutActionInteractions": 1000,
        "PutActions": 10,
        "PutEvents": 1000,
        "PutItems": 10,
        "PutUsers": 10,
    }


@pytest.mark.parametrize("name", ["put_items", "PutItems"])
def test_a_quota_is_given_by_either_name_of_the_operation(name):
    assert rates(OPERATIONS, {name: 50})["PutItems"] == 50


@pytest.mark.parametrize("given", [{"put_item": 1}, {"put_items": 0}, {"put_items": -1}])
def test_a_quota_that_makes_no_sense_is_named(given):
    with pytest.raises(ValueError, match="put_item"):
        rates(OPERATIONS, given)


def test_calls_beyond_one_second_s_worth_are_refused():
    assert admitted(Quotas({"PutItems": 10}), 15, now=0) == 10


def test_a_bucket_refills_evenly_and_never_beyond_one_second_s_worth():
    quotas = Quotas({"PutItems": 10})
    admitted(quotas, 10, now=0)

    assert admitted(quotas, 5, now=0.25) == 2
    assert admitted(quotas, 50, now=60) == 10


def test_refused_calls_cost_nothing():
    quotas = Quotas({"PutItems": 10})
    admitted(quotas, 1000, now=0)

    assert admitted(quotas, 10, now=1) == 10


def test_a_clock_that_goes_back_refills_nothing():
    quotas = Quotas({"PutItems": 10})
    admitted(quotas, 10, now=100)

    assert admitted(quotas, 1, now=50) == 0
    assert admitted(quotas, 20, now=51) == 10


def test_each_operation_and_each_target_has_its_own_bucket():
    quotas = Quotas({"PutItems": 1, "PutUsers": 1})

    assert admitted(quotas, 2, now=0) == 1
    assert admitted(quotas, 2, now=0, target="other") == 1
    assert admitted(quotas, 2, now=0, operation="PutUsers") == 1


def test_a_quota_below_one_call_a_second_still_lets_calls_through():
    quotas = Quotas({"PutItems": 0.5})

    assert [admitted(quotas, 1, now=second) for second in range(5)] == [1, 0, 1, 0, 1]


def test_no_limit_is_no_limit():
    assert admitted(Quotas({"PutItems": float("inf")}), 5000, now=0) == 5000
