"""The share of the quota: some calls at once, then evenly, never past a deadline."""

import pytest
from builders import Clock

from forwarder.pace import Pace

FOREVER = 1e9


def test_half_a_second_of_calls_may_go_at_once_and_the_next_waits():
    pace = Pace(10, clock=Clock())

    assert [pace.reserve(FOREVER) for _ in range(5)] == [0.0] * 5
    assert pace.reserve(FOREVER) == pytest.approx(0.1)
    assert pace.reserve(FOREVER) == pytest.approx(0.2)


def test_what_was_not_used_is_kept_for_half_a_second_only():
    clock = Clock()
    pace = Pace(10, clock=clock)
    clock.now = 100.0

    free = [pace.reserve(FOREVER) for _ in range(6)]

    assert free[:5] == [0.0] * 5
    assert free[5] == pytest.approx(0.1)


def test_a_share_of_less_than_a_call_a_second_still_lets_one_through():
    clock = Clock()
    pace = Pace(0.1, clock=clock)

    assert pace.reserve(FOREVER) == 0.0
    assert pace.reserve(FOREVER) == pytest.approx(10.0)


def test_a_turn_after_the_deadline_is_not_reserved():
    clock = Clock()
    pace = Pace(1, clock=clock)
    pace.reserve(FOREVER)

    assert pace.reserve(0.5) is None
    assert pace.reserve(1.0) == pytest.approx(1.0)


def test_over_any_time_no_more_calls_go_out_than_the_share():
    clock = Clock()
    pace = Pace(100, clock=clock)
    sent = 0
    while clock.now < 10:
        clock.now += pace.reserve(FOREVER) or 0.0
        sent += 1

    assert sent <= 100 * 10 + 51
