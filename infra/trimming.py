"""What a package of installed wheels can do without on Lambda.

A cold start reads what is shipped, and botocore ships the description of every AWS service. Code
is never cut out of a library, with one exception that is never imported; data, metadata and type
stubs are. The bundling test imports the result in a fresh interpreter.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

SERVICES = frozenset({"kinesis", "lambda", "personalize-events", "s3", "sqs", "sts"})
"""The services that a function has a client for, and STS, which credentials may come from.

Kinesis and Lambda are the replayer's; the forwarder's cold start does not read them.
"""

UNUSED = (
    "*.dist-info",  # pydantic and others look for plugins in each of these at import
    "bin",
    "**/__pycache__",
    "**/*.pyi",
    "**/py.typed",
    "boto3/data",  # the resource interface, which is not used
    "boto3/examples",
    "botocore/data/*/*/examples-1.json",  # for documentation
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",  # a web page
    # CPython uses the C backend only; this is the one for PyPy.
    "zstandard/_cffi*",
    "zstandard/backend_cffi.py",
)
"""Patterns, from the package's root, of what is removed."""


def trim(package: Path) -> None:
    """Remove from `package` (a directory wheels were installed into) what is not used."""
    for pattern in UNUSED:
        _remove(package.glob(pattern))
    data = package / "botocore" / "data"
    _remove(path for path in data.iterdir() if path.is_dir() and path.name not in SERVICES)
    _trim_endpoints(data / "endpoints.json")


def _remove(paths: Iterable[Path]) -> None:
    for path in sorted(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _trim_endpoints(path: Path) -> None:
    """Keep partitions, regions and defaults; drop the endpoints of services that are not used.

    botocore parses this file (1.2 MB as shipped) whenever the first client is created.
    """
    endpoints = json.loads(path.read_text(encoding="utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in SERVICES
        }
    path.write_text(json.dumps(endpoints, separators=(",", ":")), encoding="utf-8")
