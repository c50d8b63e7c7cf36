"""What the numbers were measured on, and which core does what."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent

_CPUS = sorted(os.sched_getaffinity(0))
CLIENT_CPUS = {_CPUS[0]}
"""One core for what is measured, as a Lambda function of 1,769 MB has it."""

SERVER_CPUS = {_CPUS[-1]}
"""Another core for the endpoint, where there is one."""


def pin(cpus: set[int]) -> None:
    """Keep this process, and what it starts, on these cores."""
    os.sched_setaffinity(0, cpus)


def environment(**more: str) -> dict[str, str]:
    """What a process of the bench gets: the code's places, and nothing of the caller's AWS."""
    places = (ROOT / "functions", ROOT / "tests" / "kit", ROOT)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **more,
    }


def describe() -> dict[str, Any]:
    """The machine, the interpreter and the libraries."""
    names = ("boto3", "aws-lambda-powertools", "pydantic", "orjson")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": len(_CPUS),
        "system": platform.system() + " " + platform.release().partition("-")[0],
        "python": platform.python_version() + ("" if sys.flags.optimize == 0 else " -O"),
        "libraries": {name: version(name) for name in names},
        "load": os.getloadavg()[0],
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
