from typing import Any

import pytest
from personalize_calls import Clock
from pydantic import ValidationError

from local.personalize.answers import Answer
from local.personalize.faults import PARAMETERS, Action, Faults, Rule
from local.personalize.harm import AFTER, BEFORE


def faults(*rules: dict[str, Any], clock=None, seed=0):
    return Faults([Rule(**rule) for rule in rules], seed=seed, clock=clock or Clock())


def actions_met(under, calls, *, operation="PutEvents", body=b"{}"):
    return [under.meet(operation, body).kinds for _ in range(calls)]


def test_without_rules_nothing_happens():
    assert actions_met(faults(), 2) == [(), ()]


def test_the_first_rule_that_applies_decides():
    under = faults(
        {"action": "reset", "operation": "PutItems"}, {"action": "hang"}, {"action": "reset"}
    )

    assert actions_met(under, 1) == [("hang",)]
    assert actions_met(under, 1, operation="PutItems") == [("reset",)]


def test_delays_add_up_and_leave_the_decision_to_later_rules():
    under = faults(
        {"action": "latency", "latency_ms": 20},
        {"action": "latency", "latency_ms": 30},
        {"action": "throttle"},
        {"action": "latency", "latency_ms": 1000},
    )

    met = under.meet("PutEvents", b"{}")

    assert (met.delay, met.kinds) == (0.05, ("latency", "throttle"))


def test_a_rule_looks_for_text_in_the_body():
    under = faults({"action": "refuse", "contains": "poison"})

    assert actions_met(under, 1, body=b'{"itemId": "fine"}') == [()]
    assert actions_met(under, 1, body=b'{"itemId": "poison-7"}') == [("refuse",)]


def test_a_rule_wears_off_after_so_many_times():
    under = faults({"action": "throttle", "times": 2}, {"action": "reset", "times": 1})

    assert actions_met(under, 4) == [("throttle",), ("throttle",), ("reset",), ()]


def test_calls_that_do_not_match_do_not_wear_a_rule_off():
    under = faults({"action": "throttle", "times": 1, "operation": "PutItems"})
    actions_met(under, 3)

    assert actions_met(under, 1, operation="PutItems") == [("throttle",)]


def test_a_rule_holds_between_two_moments_after_it_was_set():
    clock = Clock()
    under = faults({"action": "throttle", "from_s": 5, "until_s": 10}, clock=clock)
    seen = []
    for _ in range(4):
        seen += actions_met(under, 1)
        clock.advance(5)

    assert seen == [(), ("throttle",), (), ()]


def test_a_share_of_calls_is_met_and_the_same_seed_meets_the_same_ones():
    rule = {"action": "throttle", "share": 0.1}

    met = actions_met(faults(rule, seed=7), 5000)

    assert met.count(("throttle",)) == pytest.approx(500, abs=100)
    assert met == actions_met(faults(rule, seed=7), 5000)
    assert met != actions_met(faults(rule, seed=8), 5000)


def test_a_share_of_nothing_never_happens():
    assert actions_met(faults({"action": "throttle", "share": 0}), 100) == [()] * 100


def test_what_was_injected_is_counted_by_kind():
    under = faults(
        {"action": "latency", "latency_ms": 1}, {"action": "reset", "times": 1}, {"action": "drip"}
    )
    actions_met(under, 3)

    assert under.injected == {"latency": 3, "reset": 1, "drip": 2}


def test_every_action_has_its_parameters_and_its_harm():
    assert set(PARAMETERS) == set(Action)
    assert {*BEFORE, *AFTER, Action.LATENCY} == set(Action)
    assert not BEFORE.keys() & AFTER.keys()


@pytest.mark.parametrize("action", [*BEFORE, *AFTER])
def test_every_harm_needs_no_more_than_what_its_rule_must_have(action):
    values = {"status": 500, "code": "Code", "latency_ms": 1}
    needed = {name: values[name] for name, must in PARAMETERS[action].items() if must}

    assert isinstance({**BEFORE, **AFTER}[action](Rule(action=action, **needed)), Answer)


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "explode"},
        {"action": "latency"},
        {"action": "status"},
        {"action": "error", "status": 409},
        {"action": "reset", "status": 500},
        {"action": "throttle", "share": 1.5},
        {"action": "throttle", "times": 0},
        {"action": "throttle", "oops": 1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule):
    with pytest.raises(ValidationError):
        Rule.model_validate(rule)


def test_a_rule_for_an_operation_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="PutEvent"):
        Rule(action=Action.RESET, operation="PutEvent").checked(["PutEvents"])
