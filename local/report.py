"""The demo's result: a table for a person, and the same as JSON for a script."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.json import JSON
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from forwarder.envelope import Envelope
from local.reckoning import Account
from local.replay import Replayed


def table(accounts: Sequence[Account]) -> RenderableType:
    """One line a feed: what came in, what it cost, and what became of it."""
    # As narrow as it can be: it has to fit 80 columns.
    shown = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    shown.add_column("feed", no_wrap=True)
    for heading in (
        "records\nin",
        "entries\ndelivered",
        "calls\nmade",
        "fewest\npossible",
        "calls\nthrottled",
        "rejected",
        "dead\nletters",
    ):
        shown.add_column(heading, justify="right", no_wrap=True)
    for each in accounts:
        numbers = (
            each.records,
            each.delivered,
            each.calls,
            each.fewest_calls,
            each.throttled,
            sum(each.rejected.values()),
            each.dead_letters,
        )
        shown.add_row(each.feed, *(f"{number:,}" for number in numbers))
    return shown


def reasons(accounts: Sequence[Account]) -> RenderableType:
    """One line a reason: how many of each feed."""
    shown = Table(box=SIMPLE_HEAD, show_edge=False)
    shown.add_column("reason", no_wrap=True)
    for each in accounts:
        shown.add_column(each.feed.replace("-", "\n"), justify="right", no_wrap=True)
    for reason in sorted({reason for each in accounts for reason in each.rejected}):
        shown.add_row(reason, *(str(each.rejected.get(reason, "")) for each in accounts))
    return shown


def dead_letter(letter: Envelope) -> RenderableType:
    """One dead letter as an operator finds it, and its data decoded."""
    data = (letter.data or b"").decode(errors="backslashreplace")
    message = JSON(letter.model_dump_json(by_alias=True, exclude_none=True)).text
    message.no_wrap, message.overflow = False, "fold"
    return Panel(
        Group(
            message,
            Text.assemble("\n", ("what it means: ", "dim"), letter.reason.meaning),
            Text.assemble(("data, decoded: ", "dim"), data),
        ),
        title="One of the dead letters, in full",
        title_align="left",
    )


def replayed(done: Replayed) -> RenderableType:
    """The operator's command, as typed and as answered."""
    return Panel(
        Group(
            Text.assemble(("$ ", "dim"), done.command),
            Text(f"\n{done.output.strip()}"),
            Text.assemble(("\nfound at the endpoint by eventId: ", "dim"), done.event_id),
        ),
        title="The same one, mended and replayed",
        title_align="left",
    )


def verdict(accounts: Sequence[Account], done: Replayed, console: Console) -> None:
    """Say whether everything adds up, and if not, what does not."""
    problems = [(each.feed, problem) for each in accounts for problem in each.problems]
    problems += [("the replay", problem) for problem in done.problems]
    if not problems:
        console.print(
            "[green]✓[/] Read back from the endpoint: every entry arrived as it was sent and none "
            "twice, every id has its newest state, every session is in order, and every bad "
            "record is a dead letter with its reason, its field and its bytes. The one that was "
            "mended and replayed arrived once, under its first eventId."
        )
    for feed, problem in problems:
        console.print(f"[red]✗ {feed}[/]: {problem}", markup=True, highlight=False)


def as_json(
    accounts: Sequence[Account], done: Replayed, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The same for scripts; `ok` tells whether everything adds up."""
    return {
        "ok": not done.problems and not any(each.problems for each in accounts),
        **facts,
        "replayed": {
            "command": done.command,
            "eventId": done.event_id,
            "problems": list(done.problems),
        },
        "feeds": {
            each.feed: {
                "records": each.records,
                "delivered": each.delivered,
                "stored": each.stored,
                "calls": each.calls,
                "fewestCalls": each.fewest_calls,
                "callsThrottled": each.throttled,
                "rejected": dict(sorted(each.rejected.items())),
                "deadLetters": each.dead_letters,
                "problems": list(each.problems),
            }
            for each in accounts
        },
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
