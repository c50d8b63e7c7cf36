"""Runs lines of `aws …` as the AWS CLI would, as far as documentation uses it."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore import xform_name

SERVICES = {"s3api": "s3"}


def run(line: str, client_of: Callable[[str], Any], directory: Path) -> Any:
    """Run one line; an operation or an option that AWS does not have is an error."""
    program, service, operation, *words = shlex.split(line)
    assert program == "aws"
    client = client_of(SERVICES.get(service, service))
    method = operation.replace("-", "_")
    name = client.meta.method_to_api_mapping[method]
    shape = client.meta.service_model.operation_model(name).input_shape
    members = {xform_name(member, "-"): member for member in shape.members} if shape else {}
    given: dict[str, Any] = {}
    option = ""
    for word in words:
        if word.startswith("--"):
            option = members[word.removeprefix("--")]
            given[option] = True if shape.members[option].type_name == "boolean" else None
        elif shape.members[option].type_name == "list":
            given[option] = [*(given[option] or []), word]
        else:
            given[option] = _text(word, directory)
    return getattr(client, method)(**given)


def _text(word: str, directory: Path) -> str:
    if word.startswith("file://"):
        return (directory / word.removeprefix("file://")).read_text(encoding="utf-8")
    return word
