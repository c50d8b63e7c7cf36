"""The commands. Each is a plan, then an act, with an exit code that a script can use.

0: all that was chosen is done. 1: something stays or was declined. 2: nothing was done, because of
the usage, the stage, or a right; the message names it.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from pstream import deployment
from pstream.dead_letters import archive, importing, listing, options, purging, replaying
from pstream.dead_letters.desk import Desk, open_desk
from pstream.dead_letters.display import display
from pstream.dead_letters.inquiry import Inquiry
from pstream.dead_letters.progress import counting
from pstream.dead_letters.through import BadProgram, through
from pstream.deployment import Deployment, NoSuchStage
from pstream.rights import explain
from replayer.mend import BadEdit, edits
from replayer.replay import utc_now
from replayer.selection import NoSuchLetter, Selection
from replayer.site import Site

app = typer.Typer(no_args_is_help=True)

COMPLETE, INCOMPLETE, REFUSED = 0, 1, 2


@app.callback()
def dead_letters() -> None:
    """Find out why records became dead letters, mend them, and replay them."""


@app.command("list")
def list_(
    *,
    stage: options.Stage,
    region: options.Region = None,
    feed: options.Feeds = None,
    reason: options.Reasons = None,
    field: options.Field = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = None,
    each: Annotated[bool, typer.Option("--each", help="List every dead letter.")] = False,
    as_json: options.Json = False,
    hold: options.HoldSeconds = options.HOLD,
) -> None:
    """Count dead letters by feed, reason, field and day, oldest first; consumes nothing."""
    chosen = options.selection(
        reasons=reason, field=field, since=since, until=until, ids=None, limit=limit, now=utc_now()
    )
    with _opened(stage, region, feed, hold) as (_, desk):
        letters = chosen.of(desk.letters)
        groups = listing.group(letters)
    if as_json:
        found = {"stage": stage, "deadLetters": len(letters), "heldElsewhere": desk.elsewhere}
        found["groups"] = listing.as_json(groups)
        found |= {"letters": [*map(listing.letter_as_json, letters)]} if each else {}
        print(json.dumps(found, indent=2))
        return
    console = Console()
    table = listing.table_of_letters(letters) if each else listing.table_of_groups(groups)
    if letters:
        console.print(table)
    console.print(f"{len(letters):,} dead letters in {stage}.")
    if desk.elsewhere:
        console.print(
            f"{desk.elsewhere:,} more are held by another reader, or by a run that was killed: "
            "they show again by themselves."
        )


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="An id, or its beginning.")],
    *,
    stage: options.Stage,
    region: options.Region = None,
    feed: options.Feeds = None,
    most: Annotated[
        int, typer.Option("--documents", min=1, help="So many documents of a batch.")
    ] = 3,
    as_json: options.Json = False,
    hold: options.HoldSeconds = options.HOLD,
) -> None:
    """Show one dead letter: where it came from, why, and its document with the field marked."""
    with _opened(stage, region, feed, hold) as (_, desk):
        (letter,) = Selection(ids=(id_,)).of(desk.letters)
        display(desk, letter, Console(), most=most, as_json=as_json)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where to write; it must not exist.")],
    *,
    stage: options.Stage,
    region: options.Region = None,
    feed: options.Feeds = None,
    reason: options.Reasons = None,
    field: options.Field = None,
    since: options.Since = None,
    until: options.Until = None,
    id_: options.Ids = None,
    limit: options.Limit = None,
    audit_log: options.AuditLog = None,
    hold: options.HoldSeconds = options.HOLD,
) -> None:
    """Write dead letters to a file, one document a line; nothing is deleted."""
    chosen = options.selection(
        reasons=reason, field=field, since=since, until=until, ids=id_, limit=limit, now=utc_now()
    )
    with _opened(stage, region, feed, hold) as (found, desk):
        inquiry = Inquiry("export", found, desk, chosen, audit_log)
        letters = chosen.of(desk.letters)
        with inquiry.audited({}) as counts:
            counts["letters"] = len(letters)
            counts["lines"] = purging.export(desk, letters, file)
    print(f"{counts['lines']:,} lines about {len(letters):,} dead letters are in {file}.")


@app.command()
def replay(
    *,
    stage: options.Stage,
    region: options.Region = None,
    feed: options.Feeds = None,
    reason: options.Reasons = None,
    field: options.Field = None,
    since: options.Since = None,
    until: options.Until = None,
    id_: options.Ids = None,
    limit: options.Limit = None,
    command: Annotated[
        str | None,
        typer.Option("--through", metavar="CMD", help="Mend by a program: line in, line out."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="Set a field; the value is JSON or text."
        ),
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Rename a field.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Drop a field.")] = None,
    rate: options.Rate = options.RATE,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
    audit_log: options.AuditLog = None,
    hold: options.HoldSeconds = options.HOLD,
) -> None:
    """Put dead letters back on their streams, mended if need be; then delete them."""
    chosen = options.selection(
        reasons=reason, field=field, since=since, until=until, ids=id_, limit=limit, now=utc_now()
    )
    with _opened(stage, region, feed, hold) as (found, desk):
        mending = replaying.Mending(
            edits(set_ or (), rename or (), drop or ()),
            through(command) if command is not None else None,
        )
        inquiry = Inquiry("replay", found, desk, chosen, audit_log, yes=yes, as_json=as_json)
        complete = replaying.replay(inquiry, mending, rate=rate, force=force, dry_run=dry_run)
    raise typer.Exit(COMPLETE if complete else INCOMPLETE)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An export.")],
    *,
    stage: options.Stage,
    region: options.Region = None,
    rate: options.Rate = options.RATE,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
    audit_log: options.AuditLog = None,
    hold: options.HoldSeconds = options.HOLD,
) -> None:
    """Put an export's documents, as they are in the file now, back on their streams."""
    with _opened(stage, region, None, hold) as (found, desk):
        destinations = {name: site.destination for name, site in desk.sites.items()}
        with file.open(encoding="utf-8") as lines:
            edited = archive.read(lines, destinations)
        inquiry = Inquiry("import", found, desk, Selection(), audit_log, yes=yes, as_json=as_json)
        complete = importing.import_(inquiry, edited, rate=rate, force=force, dry_run=dry_run)
    raise typer.Exit(COMPLETE if complete else INCOMPLETE)


@app.command()
def purge(
    *,
    stage: options.Stage,
    region: options.Region = None,
    feed: options.Feeds = None,
    reason: options.Reasons = None,
    field: options.Field = None,
    since: options.Since = None,
    until: options.Until = None,
    id_: options.Ids = None,
    limit: options.Limit = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them: needed where there is no filter.")
    ] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those that a replay would leave as stale.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--export", help="Where the export goes; it must not exist.")
    ] = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
    audit_log: options.AuditLog = None,
    hold: options.HoldSeconds = options.HOLD,
) -> None:
    """Delete dead letters for good, after an export of them was written."""
    now = utc_now()
    chosen = options.selection(
        reasons=reason, field=field, since=since, until=until, ids=id_, limit=limit, now=now
    )
    if chosen == Selection() and not feed and not stale and not everything:
        raise typer.BadParameter("got no filter, wants one (such as --reason), or --all")
    file = file or Path(f"dead-letters-{stage}-{now:%Y%m%dT%H%M%S}.ndjson")
    with _opened(stage, region, feed, hold) as (found, desk):
        inquiry = Inquiry("purge", found, desk, chosen, audit_log, yes=yes, as_json=as_json)
        complete = purging.purge(inquiry, file, stale=stale)
    raise typer.Exit(COMPLETE if complete else INCOMPLETE)


@contextmanager
def _opened(
    stage: str, region: str | None, feeds: list[str] | None, hold: int
) -> Iterator[tuple[Deployment, Desk]]:
    """Find the stage and hold its dead letters; what goes wrong is a sentence and an exit code."""
    try:
        found = deployment.find(stage, region)
        with _received(found, found.sites(feeds or ()), hold) as desk:
            yield found, desk
    except (ClientError, BotoCoreError) as error:
        _refuse(explain(error))
    except (NoSuchStage, NoSuchLetter, BadEdit, BadProgram, archive.BadFile) as error:
        _refuse(str(error))
    except FileExistsError as error:
        _refuse(f"{error.filename} exists already, and is not overwritten")


@contextmanager
def _received(found: Deployment, sites: Sequence[Site], hold: int) -> Iterator[Desk]:
    with ExitStack() as reading:
        watch = reading.enter_context(counting("reading dead letters:"))
        with open_desk(found, sites, seconds=hold, watch=watch) as desk:
            reading.close()
            yield desk


def _refuse(why: str) -> None:
    print(why, file=sys.stderr)
    raise typer.Exit(REFUSED)
