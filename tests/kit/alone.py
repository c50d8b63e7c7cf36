"""Runs code where nothing but a Lambda package can be seen."""

import subprocess
import sys
from pathlib import Path


def alone(package: Path, code: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run code in a fresh interpreter, with a function's credentials, region and settings."""
    return subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        check=False,
        cwd=package,
        env={
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "POWERTOOLS_SERVICE_NAME": "personalize-stream",
            "PYTHONPATH": str(package),
            **settings,
        },
        text=True,
        timeout=60,
    )
