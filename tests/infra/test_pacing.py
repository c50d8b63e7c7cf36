"""The quota is divided so that all invocations together stay within it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.pacing import LEAST_SHARE, pace


def test_one_shard_has_the_whole_quota() -> None:
    pacing = pace(quota=1000, shards=1, parallelization_factor=1, reserve=True)

    assert (pacing.concurrent_invocations, pacing.calls_per_second) == (1, 1000)


def test_the_quota_is_divided_by_shards_times_parallelization_factor() -> None:
    pacing = pace(quota=1000, shards=4, parallelization_factor=5, reserve=True)

    assert (pacing.concurrent_invocations, pacing.calls_per_second) == (20, 50)


def test_a_large_quota_reserves_no_concurrency() -> None:
    assert pace(quota=1000, shards=8, parallelization_factor=1, reserve=True) == pace(
        quota=1000, shards=8, parallelization_factor=1, reserve=False
    )


def test_a_small_quota_reserves_what_it_was_divided_by() -> None:
    pacing = pace(quota=10, shards=4, parallelization_factor=1, reserve=True)

    assert (pacing.reserved_concurrency, pacing.calls_per_second) == (4, 2.5)
    assert not pacing.waits_its_turn


@pytest.mark.parametrize("quota", [10, 1000])
def test_shares_that_would_starve_are_capped_by_reserved_concurrency(quota: float) -> None:
    pacing = pace(quota=quota, shards=10_000, parallelization_factor=1, reserve=True)

    assert pacing.calls_per_second == LEAST_SHARE
    assert pacing.reserved_concurrency == quota / LEAST_SHARE
    assert pacing.waits_its_turn


def test_an_account_without_concurrency_to_reserve_keeps_the_quota_by_smaller_shares() -> None:
    pacing = pace(quota=10, shards=100, parallelization_factor=1, reserve=False)

    assert (pacing.reserved_concurrency, pacing.calls_per_second) == (None, 0.1)


@given(
    quota=st.floats(min_value=0.1, max_value=100_000),
    shards=st.integers(min_value=1, max_value=10_000),
    factor=st.integers(min_value=1, max_value=10),
)
def test_whatever_runs_at_once_never_exceeds_the_quota(
    quota: float, shards: int, factor: int
) -> None:
    pacing = pace(quota=quota, shards=shards, parallelization_factor=factor, reserve=True)

    running = pacing.reserved_concurrency or pacing.concurrent_invocations
    assert running * pacing.calls_per_second <= quota + 1e-9
    assert running >= 1


def test_the_largest_batch_leaves_time_to_settle() -> None:
    pacing = pace(quota=10, shards=1, parallelization_factor=1, reserve=True)

    assert pacing.largest_batch(entries_per_call=10, timeout_seconds=100) == 8000
