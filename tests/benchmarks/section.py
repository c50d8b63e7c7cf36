"""Runs one part of the bench in a process of its own."""

import json
import subprocess
import sys
from typing import Any

from tests.benchmarks.machine import environment


def section(module: str, *arguments: str, **more: str) -> Any:
    """What `python -m tests.benchmarks.<module>` prints as JSON; what it logs is thrown away."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(**more),
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return json.loads(done.stdout)
