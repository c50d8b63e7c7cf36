"""A fresh process until its handler is ready: CPU and resident memory, in turns.

Lambda's file system is read-only, so no process here writes bytecode. The interpreter starts
without `site`: nothing but the package and the standard library is on the path.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders.shipped import SETTINGS
from tests.benchmarks.machine import CLIENT_CPUS
from tests.benchmarks.packages import Packages

_CODE = """
import os
os.sched_setaffinity(0, {cpus})
{imports}
import time
cpu = time.process_time()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print('{{"cpu": %f, "memory": %f}}' % (cpu * 1000, int(peak.split()[1]) / 1024))
"""
_CLIENT = "import boto3; boto3.client('personalize-events')"
_PEER = "import handler; handler.connect(1)"
_LAMBDA = {
    "HOME": os.devnull,
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}
"""What a Lambda function has, for all cases the same: no home, no configuration, fixed keys."""


def cold_starts(built: Packages, rounds: int) -> list[dict[str, Any]]:
    """Measure each case; medians."""
    with_bytecode = built.untrimmed_with_bytecode
    cases = {
        "empty interpreter": (with_bytecode, ""),
        "us, from the package as shipped": (built.shipped, "import forwarder.handler"),
        "(b) with bytecode": (with_bytecode, _PEER),
        "(b) without, as usually shipped": (built.untrimmed, _PEER),
        "bare `boto3.client` with bytecode": (with_bytecode, _CLIENT),
        "bare `boto3.client` without": (built.untrimmed, _CLIENT),
    }
    runs: dict[str, list[dict[str, float]]] = {case: [] for case in cases}
    for number in range(rounds + 1):
        for case, (package, imports) in cases.items():
            measured = _start(package, imports)
            if number:  # the first round fills the page cache
                runs[case].append(measured)
    return [
        {
            "case": case,
            **{name: statistics.median(run[name] for run in done) for name in ("cpu", "memory")},
        }
        for case, done in runs.items()
    ]


def _start(package: Path, imports: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-c", _CODE.format(cpus=CLIENT_CPUS, imports=imports)],
        env=_LAMBDA | SETTINGS | {"PYTHONPATH": str(package)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
