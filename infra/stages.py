"""Reading `stages/<stage>.toml`: either a valid `Stage`, or every problem in it at once."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from infra.config import Alarms, Stage
from infra.feed_config import FeedConfig
from infra.problems import Problem, StageError, kind, unknown
from infra.stream_config import STREAMS
from infra.tables import Table

DIRECTORY = Path(__file__).parent.parent / "stages"
TABLES: tuple[type[Table], ...] = (Stage, Alarms, FeedConfig, *STREAMS.values())
GIVEN = "name"
"""The key that a stage and a feed have by where they stand; a file cannot set it."""


def choose(name: str | None, *, directory: Path = DIRECTORY, endpoint: str | None = None) -> Stage:
    """Read the stage called `name`; `endpoint` replaces its `personalize_endpoint`.

    Raises:
        StageError: There is no such stage, or it cannot be deployed.
    """
    known = sorted(path.stem for path in directory.glob("*.toml"))
    if name not in known:
        got = f'"{name}"' if name else "nothing"
        raise StageError(
            "cdk",
            f"-c stage=NAME: got {got}, wants one of the files in {directory.name}/: "
            f"{', '.join(known) or 'there is none'}",
        )
    return read(directory / f"{name}.toml", endpoint=endpoint)


def read(path: Path, *, endpoint: str | None = None) -> Stage:
    """Read one stage file.

    Raises:
        StageError: Names the file and, for every problem, key, kind of value and what is wanted.
    """
    file = f"{path.parent.name}/{path.name}"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StageError(file, f"is not TOML: {error}") from None
    if endpoint:
        found["personalize_endpoint"] = endpoint
    taken = [Problem(key, "an unknown key", "none: it is given") for key in _given_keys(found)]
    try:
        stage = Stage.model_validate(
            _named(found, path.stem),
            context={key: found.get(key) for key in ("account", "region")},
        )
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors(include_url=False)]
        raise StageError(file, *taken, *problems) from None
    if taken:
        raise StageError(file, *taken)
    return stage


def _named(found: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Add the names that the file's own name and the feeds' table names give."""
    feeds = found.get("feeds")
    if isinstance(feeds, dict):
        feeds = {
            name: {**feed, GIVEN: name} if isinstance(feed, dict) else feed
            for name, feed in feeds.items()
        }
    return {**found, GIVEN: stage} | ({"feeds": feeds} if "feeds" in found else {})


def _given_keys(found: Mapping[str, Any]) -> list[str]:
    feeds = found.get("feeds")
    tables = {"": found} | (
        {f"feeds.{k}.": v for k, v in feeds.items()} if isinstance(feeds, dict) else {}
    )
    return [
        f"{at}{GIVEN}" for at, table in tables.items() if isinstance(table, dict) and GIVEN in table
    ]


def _problem(detail: ErrorDetails) -> Problem:
    """Say in the stage file's words what pydantic found."""
    context = detail.get("ctx", {})
    parts = [str(part) for part in detail["loc"] if part not in STREAMS and part != "[key]"]
    if context.get("key"):
        parts.append(context["key"])
    key = ".".join(parts)
    if detail["type"] == "refused":
        return Problem(key, context["got"], context["wants"])
    if detail["type"] == "extra_forbidden":
        return Problem(key, "an unknown key", unknown(parts[-1], _keys_beside(detail["loc"])))
    named = next((part for part in reversed(parts) if part in WANTED), parts[-1])
    wants = WANTED.get(named, "a table")
    if detail["type"] == "missing":
        return Problem(key, "nothing", wants)
    return Problem(key, kind(detail["input"]), wants)


def _keys_beside(loc: tuple[int | str, ...]) -> dict[str, object]:
    """Find the keys that are known in the table that holds the last part of `loc`."""
    table: type[Table] = Stage
    if loc[0] == "alarms":
        table = Alarms
    elif loc[0] == "feeds":
        table = STREAMS.get(str(loc[-2]), FeedConfig)
    return {key: field for key, field in table.model_fields.items() if key != GIVEN}


WANTED = {
    key: field.description
    for table in TABLES
    for key, field in table.model_fields.items()
    if field.description
}
"""What each key wants; a key that stands in several tables wants the same in all."""
