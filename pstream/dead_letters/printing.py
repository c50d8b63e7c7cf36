"""How plans and their outcome look on a terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from pstream.dead_letters.listing import SHORT
from replayer.act import Done
from replayer.fates import Fate
from replayer.tally import Stay, Tally

MOST_WHYS = 10

_MEANINGS = {
    Fate.GOES: "go back on the stream",
    Fate.THERE: "are back on the stream already",
    Fate.TWICE: "are in another dead letter as well",
    Fate.STALE: "are stale: a newer record of the id exists",
    Fate.UNVERIFIED: "may be stale: the stream no longer reaches back to them",
    Fate.FAILS: "would be rejected again",
}


def print_plan(console: Console, tallies: Mapping[str, Tally]) -> None:
    """Print what will be done."""
    table = Table("feed", box=None, pad_edge=False)
    for name in ("dead letters", "leave", "stay", "records"):
        table.add_column(name, justify="right")
    table.add_column("entries")
    for feed, tally in tallies.items():
        table.add_row(
            feed,
            *(f"{n:,}" for n in (tally.letters, tally.leaving, len(tally.stays), tally.records)),
            "\n".join(f"{tally.fates[fate]:,} {_MEANINGS[fate]}" for fate in tally.fates),
        )
    console.print(table)
    for tally in tallies.values():
        for note in tally.notes:
            console.print(f"[yellow]{note}[/]")
        _print_stays(console, tally)


def _print_stays(console: Console, tally: Tally) -> None:
    """Print why dead letters stay, each reason once, with one that it is true of."""
    whys: dict[str, list[Stay]] = {}
    for stay in tally.stays:
        whys.setdefault(stay.why, []).append(stay)
    for why, stays in list(whys.items())[:MOST_WHYS]:
        text = f"  {len(stays):,} stay in {stays[0].feed}: {why} (the first: {stays[0].id[:SHORT]})"
        console.print(text, markup=False, highlight=False)
    if len(whys) > MOST_WHYS:
        console.print(f"  … and {len(whys) - MOST_WHYS:,} more reasons (--json names all)")


def print_done(console: Console, tallies: Mapping[str, Tally]) -> None:
    """Print what was done."""
    for feed, tally in tallies.items():
        if tally.done is not None:
            console.print(f"{feed}: {_sentence(tally.done)}")


def _sentence(done: Done) -> str:
    parts = [f"{done.records:,} records put back", f"{done.letters:,} dead letters deleted"]
    for count, words in (
        (done.kept_apart, "documents kept as dead letters of their own"),
        (done.unput, "records that the stream did not take"),
        (done.overtaken, "records overtaken by newer ones meanwhile, left out"),
        (done.undeleted, "dead letters that could not be deleted yet"),
    ):
        if count:
            parts.append(f"{count:,} {words}")
    return ", ".join(parts) + "."
