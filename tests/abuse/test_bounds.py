"""Hostile batches: a reason each, in bounded memory and time, and the bytes kept."""

import os
import subprocess
import sys

import pytest
from bounded import HOSTILE, ROOT, bounded
from peak import peak_mebibytes

from forwarder.journey import MOST_UNPACKED

MOST_MEBIBYTES = 400
"""What a function of 512 MB has for a batch, its libraries included; its default is 1024."""

EXPECTED = {
    "gzip_bomb": {"bad_compression": 40},
    "zstd_bomb": {"bad_compression": 400},
    "bombs_in_an_aggregate": {"bad_compression": 3},
    "empty_gzip_members": {"empty_record": 1},
    "empty_zstd_frames": {"empty_record": 1},
    "many_tiny_lines": {"too_large": 2},
    "many_tiny_fields": {"bad_aggregate": 1},
    "many_tiny_parts": {"too_large": 1},
    "varints_without_end": {"bad_aggregate": 1},
    "brackets": {"not_json": 4},
    "full_of_tiny_records": {},
    "large_request": {},
    "large_request_of_nothing": {"wrong_type": 200_000},
}
"""The rejections of the hostile batches that are the same everywhere, by reason."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_batch_has_its_reasons_in_bounded_memory_and_time(name):
    """Processor time is bounded by the process itself, which is ended past its limit."""
    took = bounded(name)

    assert took["rejected"] == EXPECTED.get(name, took["rejected"])
    assert took["bytes_kept"]
    assert took["mebibytes"] < MOST_MEBIBYTES


def test_a_batch_of_tiny_records_costs_the_fewest_calls():
    took = bounded("full_of_tiny_records")

    assert (took["records"], took["delivered"], took["calls"]) == (10_000, 10_000, 1000)


def test_what_memory_is_too_short_for_comes_again():
    took = bounded("largest_that_inflate")

    assert took["resume_at"] == -(-MOST_UNPACKED // (10 * 1024 * 1024))
    assert took["rejected"] == {"not_an_object": took["resume_at"]}


@pytest.mark.parametrize("name", ["nested", "large_numbers", "surrogates"])
def test_no_strange_document_is_delivered(name):
    took = bounded(name)

    assert sum(took["rejected"].values()) == took["records"]
    assert took["rejected"].keys() <= {"not_json", "wrong_time", "wrong_value"}


def test_what_a_process_held_is_not_what_its_parent_held():
    """The kernel's own figure is at least the parent's: after large tests all would seem large."""
    ballast = bytearray(os.urandom(1)) * (128 * 1024 * 1024)
    code = "from peak import peak_mebibytes; print(peak_mebibytes())"
    kit = {"PYTHONPATH": str(ROOT / "tests" / "kit")}

    child = subprocess.check_output([sys.executable, "-c", code], env=kit)

    assert float(child) < len(ballast) / 1024 / 1024 < peak_mebibytes()
