"""What the fuzzer started from and found worth keeping: every promise holds for it."""

from pathlib import Path

import pytest
from fuzzed import KINDS, check

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_every_promise_holds_for_the_corpus(file):
    check(file.read_bytes())


def test_the_corpus_has_something_of_every_kind():
    assert {file.name.rpartition("-")[0] for file in CORPUS} == set(KINDS)
