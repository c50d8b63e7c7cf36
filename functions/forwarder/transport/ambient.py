"""Endpoint and credentials as a Lambda function's environment gives them, without botocore.

Loading botocore is a third of a cold start, and in a Lambda function that sets nothing unusual
all it finds is known beforehand: the keys in the environment, and the one host of the region.
What is unusual is botocore's to understand, and `read` leaves it alone. `tests/contract` asks
botocore about every region, operation and setting.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import botocore

from forwarder.transport.endpoint import SERVICE, Access, Endpoint, Tls
from forwarder.transport.sigv4 import Keys, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

PATHS = {
    "PutEvents": "/events",
    "PutItems": "/items",
    "PutUsers": "/users",
    "PutActions": "/actions",
    "PutActionInteractions": "/action-interactions",
}

ORDINARY = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }
)
"""What Lambda sets in every function, beside the names that start with `ORDINARY_PREFIXES`.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

ORDINARY_PREFIXES = ("AWS_LAMBDA_", "AWS_XRAY_")

# The regions of the partition `aws`. `us-gov-…`, `us-iso-…` and `cn-…` are in others.
_is_common_region = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+").fullmatch
_SETTINGS_OF_OTHERS = ("_PROXY", "_CA_BUNDLE")


def read(environ: Mapping[str, str], operation: str) -> Access | None:
    """Say how to call `operation`, or None where botocore has to be asked.

    The credentials are the environment's, which last as long as it does. None is the answer to
    every setting that is not known to change nothing: another `AWS_…` variable, a proxy, a
    bundle of certificates, a directory `~/.aws`.
    """
    access_key, secret_key, region = (
        environ.get(name, "")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    )
    if not (access_key and secret_key and _is_common_region(region)):
        return None
    if operation not in PATHS or not _is_ordinary(environ):
        return None
    host = f"{SERVICE}.{region}.amazonaws.com"
    keys = Keys(access_key, secret_key, environ.get("AWS_SESSION_TOKEN") or None)
    target = Target(
        method="POST",
        path=PATHS[operation],
        canonical_path=PATHS[operation],
        host=host,
        content_type="application/json",
        region=region,
        service="personalize",
    )
    return Access(Endpoint((host, 443), Tls(_context), None, target), lambda: keys)


def _is_ordinary(environ: Mapping[str, str]) -> bool:
    for name in map(str.upper, environ):
        if name.endswith(_SETTINGS_OF_OTHERS):
            return False
        known = name in ORDINARY or name.startswith(ORDINARY_PREFIXES)
        if name.startswith("AWS_") and not known:
            return False
    home = Path(environ.get("HOME", "~")).expanduser()
    return not (home / ".aws").exists()


def _context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=Path(botocore.__file__).with_name("cacert.pem"))
