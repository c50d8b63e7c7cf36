"""Checks compiled from botocore's shapes, as the service makes them and botocore does not.

A check takes a JSON value and returns what it found: nothing when the value is valid. Messages
are worded as AWS words them and, like AWS, quote the value unless the model calls it sensitive.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
from botocore.model import ListShape, Shape, StringShape, StructureShape

from local.personalize.findings import NOTHING, Finding, Findings, Kind

# What `properties` of an event must not name, in any case; the model has it in prose only.
RESERVED = frozenset(
    ("userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression")
)

Check = Callable[[Any], Findings]


def check_structure(shape: StructureShape, *, sensitive: bool = False) -> Check:
    """Check required members and each member; unknown ones are ignored, as rest-json asks."""
    hidden = sensitive or bool(shape.metadata.get("sensitive"))
    reserved = RESERVED if "eventId" in shape.members else frozenset[str]()
    checks = {
        n: _check(member, sensitive=hidden, reserved=reserved)
        for n, member in shape.members.items()
    }
    required = tuple(shape.required_members)

    def check(value: Any) -> Findings:
        if not isinstance(value, dict):
            return (_unreadable(value, "a structure"),)
        found = []
        for name, member in value.items():
            known = checks.get(name)
            if known is None:
                found.append(Finding(Kind.IGNORED, (name,)))
            elif member is not None:
                found.extend(_beneath(name, known(member)))
        found.extend(
            Finding(Kind.INVALID, (name,), "Member must not be null", " null")
            for name in required
            if value.get(name) is None
        )
        return found

    return check


def _check(shape: Shape, *, sensitive: bool, reserved: frozenset[str] = frozenset()) -> Check:
    hidden = sensitive or bool(shape.metadata.get("sensitive"))
    if isinstance(shape, StructureShape):
        return check_structure(shape, sensitive=hidden)
    if isinstance(shape, ListShape):
        return _check_list(shape, sensitive=hidden)
    if isinstance(shape, StringShape):
        text = _check_text(shape, sensitive=hidden)
        return _check_json(text, reserved) if shape.serialization.get("jsonvalue") else text
    return {"float": _check_number, "timestamp": _check_time}[shape.type_name]


def _check_list(shape: ListShape, *, sensitive: bool) -> Check:
    element = _check(shape.member, sensitive=sensitive)
    sizes = _bounds(shape)

    def check(value: Any) -> Findings:
        if not isinstance(value, list):
            return (_unreadable(value, "a list"),)
        found = list(sizes(value, ""))
        for position, member in enumerate(value):
            found.extend(_beneath(position, element(member)))
        return found

    return check


def _check_text(shape: StringShape, *, sensitive: bool) -> Check:
    sizes = _bounds(shape)
    pattern = shape.metadata.get("pattern")
    fits = re.compile(pattern).fullmatch if pattern else None

    def check(value: Any) -> Findings:
        if not isinstance(value, str):
            return (_unreadable(value, "a string"),)
        quoted = "" if sensitive else f" '{value}'"
        found = sizes(value, quoted)
        if fits is not None and not fits(value):
            text = f"Member must satisfy regular expression pattern: {pattern}"
            return (*found, Finding(Kind.INVALID, (), text, quoted))
        return found

    return check


def _check_json(text: Check, reserved: frozenset[str]) -> Check:
    def check(value: Any) -> Findings:
        if found := text(value):
            return found
        try:
            properties = orjson.loads(value)
        except orjson.JSONDecodeError:
            properties = None
        if not isinstance(properties, dict):
            return (Finding(Kind.INVALID, (), "Member must be a JSON object in a string"),)
        if named := [key for key in properties if key.lower() in reserved]:
            text_ = f"Member must not contain reserved keywords: {', '.join(named)}"
            return (Finding(Kind.INVALID, (), text_),)
        return NOTHING

    return check


def _check_number(value: Any) -> Findings:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return (_unreadable(value, "a number"),)
    return NOTHING


def _check_time(value: Any) -> Findings:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = f"class {_java_name(value)} can not be converted to milliseconds since epoch"
        return (Finding(Kind.UNREADABLE, (), text),)
    return NOTHING


def _bounds(shape: Shape) -> Callable[[str | list[Any], str], Findings]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", float("inf"))

    def check(value: str | list[Any], quoted: str) -> Findings:
        if least <= len(value) <= most:
            return NOTHING
        bound = f"greater than or equal to {least}" if len(value) < least else (
            f"less than or equal to {most}")  # fmt: skip
        return (Finding(Kind.INVALID, (), f"Member must have length {bound}", quoted),)

    return check


def _beneath(name: str | int, findings: Findings) -> Iterator[Finding]:
    return (replace(finding, path=(name, *finding.path)) for finding in findings)


def _unreadable(value: Any, wanted: str) -> Finding:
    return Finding(Kind.UNREADABLE, (), f"{_java_name(value)} can not be read as {wanted}")


def _java_name(value: Any) -> str:
    names = {str: "String", bool: "Boolean", int: "Long", float: "Double"}
    return f"java.lang.{names.get(type(value), 'Object')}"
