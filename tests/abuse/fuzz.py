"""Looks for bytes that break a promise, led by what they reach in the code: `make fuzz`.

    python tests/abuse/fuzz.py [SECONDS]

Starts from `corpus/`, whose files are replayed by the tests, and works in `.build/fuzz`. The first
byte of an input says what the rest is: a record, a document of a feed, Lambda's argument or a
document of the failure storage. Only the fuzzer's own errors and broken promises end it.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped] # it is in an environment of its own

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "functions"), str(ROOT / "tests" / "kit")]

with atheris.instrument_imports(include=["forwarder", "replayer"]):
    from fuzzed import check

SECONDS = 300


def main() -> None:
    """Fuzz for so many seconds; what breaks a promise is left in `.build/fuzz`."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    found = ROOT / ".build" / "fuzz"
    found.mkdir(parents=True, exist_ok=True)
    corpus = Path(__file__).parent / "corpus"
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=1024"]
    places = [f"-artifact_prefix={found}/", str(found), str(corpus)]
    atheris.Setup([sys.argv[0], *options, *places], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
