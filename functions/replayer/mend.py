"""Mends documents: sets, renames and drops fields, in every entry that has to go back.

A field that all entries of a call share is mended beside the entry list, any other one in each
element of it. Paths have dots: `properties.colour`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from forwarder.destinations import Destination
from replayer.identify import JsonObject

Mend = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Mends documents, each one line of JSON; gives as many lines back, in the same order."""


class BadEdit(Exception):  # noqa: N818 - it says what is bad
    """An edit that cannot be understood; the text says what is wanted."""


@dataclass(frozen=True, slots=True)
class Set:
    """Give a field a value, whether it is there or not."""

    path: tuple[str, ...]
    value: Any

    def __call__(self, members: JsonObject) -> JsonObject:
        """Return the object with the field set."""
        return _put(members, self.path, self.value)


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a field another name; where it is absent, nothing happens."""

    path: tuple[str, ...]
    to: tuple[str, ...]

    def __call__(self, members: JsonObject) -> JsonObject:
        """Return the object with the field renamed."""
        found, value = _find(members, self.path)
        return _put(_without(members, self.path), self.to, value) if found else members


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove a field; where it is absent, nothing happens."""

    path: tuple[str, ...]

    def __call__(self, members: JsonObject) -> JsonObject:
        """Return the object without the field."""
        return _without(members, self.path)


Edit = Set | Rename | Drop


def edits(set_: Iterable[str], rename: Iterable[str], drop: Iterable[str]) -> list[Edit]:
    """Read edits as the command line has them: renames first, then what is set, then drops.

    Raises:
        BadEdit: names the option and what it wants.
    """
    return [
        *(Rename(*map(_path, _halves("--rename", each, "OLD=NEW"))) for each in rename),
        *(_set(*_halves("--set", each, "FIELD=VALUE")) for each in set_),
        *(Drop(_path(each)) for each in drop),
    ]


def mender(wanted: Sequence[Edit], destination: Destination) -> Mend:
    """Make the mending of a feed's documents; what is not JSON is left as it is."""

    def one(line: bytes) -> bytes:
        try:
            members: JsonObject = orjson.loads(line)
        except orjson.JSONDecodeError:
            return line
        if not isinstance(members, dict):
            return line
        for edit in wanted:
            members = _edit(members, edit, destination)
        return orjson.dumps(members)

    return lambda lines: [one(line) for line in lines]


def _edit(members: JsonObject, edit: Edit, destination: Destination) -> JsonObject:
    listed = members.get(destination.entries)
    shared = edit.path[0] in {destination.target, destination.entries, *destination.shared}
    if shared or not isinstance(listed, list):
        return edit(members)
    done = [edit(element) if isinstance(element, dict) else element for element in listed]
    return {**members, destination.entries: done}


def _set(path: str, text: str) -> Set:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    return Set(_path(path), value)


def _halves(option: str, text: str, wants: str) -> tuple[str, str]:
    left, separator, right = text.partition("=")
    if not separator or not left:
        raise BadEdit(f"{option}: got {text!r}, wants {wants}")
    return left, right


def _path(text: str) -> tuple[str, ...]:
    path = tuple(text.split("."))
    if not all(path):
        raise BadEdit(f"got {text!r}, wants a field such as itemId or properties.colour")
    return path


def _find(members: Any, path: tuple[str, ...]) -> tuple[bool, Any]:
    for name in path:
        if not isinstance(members, dict) or name not in members:
            return False, None
        members = members[name]
    return True, members


def _put(members: JsonObject, path: tuple[str, ...], value: Any) -> JsonObject:
    name, *rest = path
    if rest:
        inner = members.get(name)
        value = _put(inner if isinstance(inner, dict) else {}, tuple(rest), value)
    return {**members, name: value}


def _without(members: JsonObject, path: tuple[str, ...]) -> JsonObject:
    name, *rest = path
    inner = members.get(name)
    if not rest:
        return {key: value for key, value in members.items() if key != name}
    if not isinstance(inner, dict):
        return members
    return {**members, name: _without(inner, tuple(rest))}
