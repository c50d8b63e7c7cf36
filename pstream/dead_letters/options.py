"""The options that several of the commands have, and what they mean."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from replayer.hold import SECONDS
from replayer.selection import Selection

_AGO = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Stage = Annotated[
    str, typer.Option(envvar="PSTREAM_STAGE", help='The deployed stage; "local" is this machine.')
]
Region = Annotated[
    str | None, typer.Option(help="The stage's AWS region, if the profile names another.")
]
Feeds = Annotated[
    list[str] | None, typer.Option("--feed", help="Only this feed; give it again for more.")
]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help='Only this reason, or "abandoned", "test", "unreadable".'),
]
Field = Annotated[str | None, typer.Option(help="Only this rejected field.")]
Since = Annotated[
    str | None, typer.Option(help="Only from then on: ISO 8601 (UTC), or 90m, 6h, 2d ago.")
]
Until = Annotated[str | None, typer.Option(help="Only until then, in the same forms.")]
Ids = Annotated[
    list[str] | None, typer.Option("--id", help="Only this id or its beginning; again for more.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many, the oldest first.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. It never means --force.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and do nothing.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Put back states that are stale, or that nobody can tell to be current."
    ),
]
Rate = Annotated[float, typer.Option(min=0.1, help="Records a second that go on the stream.")]
AuditLog = Annotated[
    Path | None, typer.Option(help="Add the audit line to this file instead of stderr.")
]
HoldSeconds = Annotated[
    int,
    typer.Option(
        "--hold",
        min=1,
        max=43_200,
        help="Seconds that messages stay hidden if this program is killed.",
    ),
]
HOLD = SECONDS
RATE = 500.0


def selection(
    *,
    reasons: list[str] | None,
    field: str | None,
    since: str | None,
    until: str | None,
    ids: list[str] | None,
    limit: int | None,
    now: datetime,
) -> Selection:
    """Make the filter of the options.

    Raises:
        typer.BadParameter: a time is in no known form.
    """
    return Selection(
        reasons=frozenset(reasons or ()),
        field=field,
        since=moment(since, now) if since else None,
        until=moment(until, now) if until else None,
        ids=tuple(ids or ()),
        limit=limit,
    )


def moment(text: str, now: datetime) -> datetime:
    """Read a time: absolute, where no offset means UTC, or so long ago."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"got {text!r}, wants 2026-11-21T22:00 or 6h") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
