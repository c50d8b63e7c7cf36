"""`make bench`: measures everything, prints it, and writes the JSON, the page and the plot."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.calls import calls
from tests.benchmarks.cold_start import cold_starts
from tests.benchmarks.handlers import FULL, QUICK, handlers
from tests.benchmarks.machine import ROOT, describe
from tests.benchmarks.packages import packages, sizes
from tests.benchmarks.page import PLOT, page
from tests.benchmarks.plot import plot
from tests.benchmarks.section import section
from tests.benchmarks.stub import Stub
from tests.benchmarks.targets import targets


def _measure(*, quick: bool) -> dict[str, Any]:
    started, machine = time.monotonic(), describe()
    _progress("packages and cold starts")
    built = packages()
    results: dict[str, Any] = {
        "machine": machine,
        "packages": sizes(built),
        "cold_start": cold_starts(built, 5 if quick else 15),
    }
    _progress("redelivery and parsing")
    results["redelivery"] = section(
        "redelivery", "300" if quick else "1000", POWERTOOLS_LOG_LEVEL="CRITICAL"
    )
    results["parsing"] = section("parsing", "11" if quick else "31")
    with Stub() as stub, tempfile.TemporaryDirectory() as scratch:
        _progress("calls")
        seconds, rounds = (0.4, 3) if quick else (0.8, 5)
        results["calls"] = calls(stub, seconds=seconds, rounds=rounds)
        _progress("whole handlers")
        results["handlers"] = handlers(stub, Path(scratch), QUICK if quick else FULL)
    results["seconds"] = time.monotonic() - started
    return results | {"targets": targets(results)}


def _progress(part: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {part}\n")


def main() -> None:
    """Run the bench; the page in `docs/` is written from a full run only."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cases, under two minutes")
    parser.add_argument("--page-of", type=Path, help="write the page of an earlier run's JSON")
    options = parser.parse_args()
    if options.page_of:
        results = json.loads(options.page_of.read_text(encoding="utf-8"))
    else:
        results = _measure(quick=options.quick)
        kept = ROOT / ".build" / ("bench-quick.json" if options.quick else "bench.json")
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if not options.quick:
        docs = ROOT / "docs"
        (docs / "benchmarks.md").write_text(page(results), encoding="utf-8")
        plot(results, docs / PLOT)
    sys.stdout.write(page(results))


if __name__ == "__main__":
    main()
