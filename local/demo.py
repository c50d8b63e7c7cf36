"""The whole product in a minute: a shop's records through the deployed stack, and the account."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from forwarder.envelope import Envelope
from local import report
from local.dead_letters import DeadLetters, read_dead_letters
from local.figures import read_figures
from local.mappings import Mappings
from local.outputs import DeployedFeed
from local.progress import Progress, Tell
from local.reckoning import Account, Put, locate, reckon
from local.replay import FEED, REASON, Replayed, replay
from local.shop import ShopRecord, make_records
from local.stack import Stack
from pstream.send import send

SEED = 20_221_116
PATIENCE = 180.0
"""Seconds within which everything has to be delivered."""

_POLL_SECONDS = 0.25


def run(
    console: Console, *, directory: Path, seed: int = SEED, json_path: Path | None = None
) -> bool:
    """Run the demo, print its account, and tell whether everything adds up.

    The streams are filled before they are read: so the batches are full, and the numbers of calls
    are the same on every machine.
    """
    with scratch(directory) as place:
        with Progress(console) as progress, Stack(place, watch=progress.tell) as stack:
            puts = put_shop(stack, seed, progress.tell)
            drain(stack, puts, progress.tell)
            progress.tell("reading back what arrived")
            letters = {
                name: read_dead_letters(stack.clients, feed) for name, feed in stack.feeds.items()
            }
            accounts = [
                account(stack, feed, puts[name], letters[name])
                for name, feed in stack.feeds.items()
            ]
            progress.tell("mending and replaying a dead letter")
            letter = _mendable(letters[FEED])
            replayed = replay(stack, letter)
            progress.tell("ending the stack")
        _print(console, accounts, letter, replayed)
        facts = {"seed": seed, "seconds": round(progress.seconds, 1)}
        result = report.as_json(accounts, replayed, facts)
        if json_path is not None:
            report.write_json(json_path, result)
    return bool(result["ok"])


def put_shop(stack: Stack, seed: int, tell: Tell) -> dict[str, list[Put]]:
    """Put the shop's records on the streams, and say where they are, by feed."""
    tell("making up a shop")
    targets = {name: feed.target for name, feed in stack.feeds.items()}
    shop = make_records(seed=seed, now=int(time.time()), targets=targets)
    total = sum(map(len, shop.values()))
    puts: dict[str, list[Put]] = {}
    for name, records in shop.items():
        before = sum(map(len, puts.values()))
        puts[name] = put(
            stack,
            stack.feeds[name],
            records,
            lambda sent, before=before: tell(f"sending records: {before + sent:,} of {total:,}"),  # type: ignore[misc] # mypy cannot type a default
        )
    return puts


def put(
    stack: Stack,
    feed: DeployedFeed,
    records: Sequence[ShopRecord],
    progress: Callable[[int], None] = lambda _: None,
) -> list[Put]:
    """Put records on a feed's stream."""
    sent = send(
        (record.outgoing for record in records),
        put=lambda entries: stack.clients.streams.put_records(
            StreamName=feed.stream,
            Records=list(entries),  # type: ignore[arg-type] # plain dicts
        ),
        sleep=time.sleep,
        progress=progress,
    )
    return locate(records, sent)


def drain(stack: Stack, puts: dict[str, list[Put]], tell: Tell) -> None:
    """Run the mappings until nothing is left in the streams.

    Raises:
        TimeoutError: That took too long.
    """
    total = sum(map(len, puts.values()))
    mappings = stack.run_mappings()
    until = time.monotonic() + PATIENCE
    while not mappings.drained(_POLL_SECONDS):
        tell(f"delivering records: {_delivered(mappings):,} of {total:,}")
        if time.monotonic() > until:
            raise TimeoutError(f"{_delivered(mappings)} of {total} records after {PATIENCE:.0f} s")


def _delivered(mappings: Mappings) -> int:
    return sum(
        shard["delivered"]
        for mapping in mappings.status()["mappings"].values()
        for shard in mapping["shards"].values()
    )


def account(stack: Stack, feed: DeployedFeed, puts: Sequence[Put], letters: DeadLetters) -> Account:
    """Read one feed's side back and reckon it up."""
    return reckon(
        feed,
        puts,
        stored=stack.personalize.entries(feed.destination.action),
        dead_letters=letters,
        figures=read_figures(stack.clients, feed, records=len(puts)),
    )


def _mendable(letters: DeadLetters) -> Envelope:
    """The dead letter that the demo shows and mends: a misspelt field."""
    return next(letter for letter in letters.rejected if letter.reason is REASON)


def _print(
    console: Console, accounts: Sequence[Account], letter: Envelope, replayed: Replayed
) -> None:
    console.print("\n[bold]What became of every record[/]")
    console.print(report.table(accounts))
    console.print("\n[bold]Rejected, by reason[/]")
    console.print(report.reasons(accounts))
    console.print()
    console.print(report.dead_letter(letter))
    console.print(report.replayed(replayed))
    report.verdict(accounts, replayed, console)


@contextmanager
def scratch(directory: Path) -> Iterator[Path]:
    """Make a place in a directory for the block; if that fails it stays, with its logs."""
    directory.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="demo-", dir=directory))
    wanted = False
    try:
        yield place
    except Exception:
        wanted = True
        raise
    finally:
        if not wanted:
            shutil.rmtree(place)
