"""What the replayer function is asked for, and what is left of it when it runs out of time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from forwarder.destinations import Destination
from replayer.letters import Letter
from replayer.mend import Mend, edits, mender
from replayer.selection import Selection

MOST_LAPS = 200
"""A replay that has not ended after so many invocations has something else the matter."""


class BadRequest(Exception):  # noqa: N818 - it says what is bad
    """The invocation's argument is no request; names the fields and never their values."""


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True
    )


class Filter(_Part):
    """The options of the command line that choose dead letters, in the same words."""

    reasons: tuple[str, ...] = ()
    field: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()
    limit: Annotated[int, Field(ge=1)] | None = None


class Edits(_Part):
    """The options that mend documents."""

    set: tuple[str, ...] = ()
    rename: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Request(_Part):
    """One replay. An empty object replays everything of every feed that can be replayed.

    Attributes:
        feeds: Which feeds; all of the stage if none is named.
        filter: Which dead letters.
        edits: How documents are mended.
        force: Put back what is stale, or what nobody can tell to be current.
        dry_run: Plan and do nothing.
        rate: Records a second.
        lap: How many invocations there were before this one; set by the function itself.
    """

    feeds: tuple[str, ...] = ()
    filter: Filter = Filter()
    edits: Edits = Edits()
    force: bool = False
    dry_run: bool = False
    rate: Annotated[float, Field(gt=0)] = 500.0
    lap: Annotated[int, Field(ge=0, le=MOST_LAPS)] = 0

    def selection(self, letters: Sequence[Letter]) -> list[Letter]:
        """Choose among letters; what an earlier lap is done with is missed no more."""
        chosen = self.filter
        ids = chosen.ids
        if self.lap:
            ids = tuple(id_ for id_ in ids if any(each.id.startswith(id_) for each in letters))
            if chosen.ids and not ids:
                return []
        return Selection(
            reasons=frozenset(chosen.reasons),
            field=chosen.field,
            since=_aware(chosen.since),
            until=_aware(chosen.until),
            ids=ids,
            limit=chosen.limit,
        ).of(letters)

    def mend(self, destination: Destination) -> Mend | None:
        """Make the mending of a feed's documents; None where there is none."""
        wanted = edits(self.edits.set, self.edits.rename, self.edits.drop)
        return mender(wanted, destination) if wanted else None

    def rest(self, feeds: Sequence[str], letters: int) -> "Request | None":
        """Say what is left after this lap; None when there have been too many."""
        if self.lap == MOST_LAPS:
            return None
        limit = self.filter.limit
        if limit is not None and limit <= letters:
            return None
        left = self.filter.model_copy(update={"limit": limit and limit - letters})
        return self.model_copy(update={"feeds": tuple(feeds), "filter": left, "lap": self.lap + 1})


def read_request(event: object) -> Request:
    """Read the invocation's argument.

    Raises:
        BadRequest: names each field that is wrong.
    """
    try:
        return Request.model_validate_json(orjson.dumps(event))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadRequest("; ".join(problems)) from None


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo:
        return moment
    return moment.replace(tzinfo=UTC)
