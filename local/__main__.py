"""`python -m local`: the demo, and the stack to play with."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local import background, demo
from local.emulator import ROOT
from local.guide import guide
from local.process import StepFailed
from local.progress import Progress

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

INTERRUPTED = 130
PLACE = ROOT / ".local"
Directory = Annotated[
    Path, typer.Option(help="Where everything is kept that runs or was left by a failure.")
]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@app.command("demo")
def run_demo(
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the result here, for scripts.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides what the shop sends.")] = demo.SEED,
    directory: Directory = PLACE,
) -> None:
    """Deploy everything to this machine, send a shop's records, and account for each."""
    if not demo.run(Console(), directory=directory, seed=seed, json_path=json_path):
        raise typer.Exit(1)


@app.command()
def up(directory: Directory = PLACE / "up") -> None:
    """Start the stack, keep it running, and say how to reach it."""
    console = Console()
    found = background.running(directory)
    if found:
        print("The stack is running already.\n")
    else:
        with Progress(console) as progress:
            found = background.start(directory, progress.tell)
    print("\n".join(guide(found)))


@app.command()
def down(directory: Directory = PLACE / "up") -> None:
    """End the stack that `up` keeps running."""
    print("The stack is down." if background.stop(directory) else "The stack was not running.")


@app.command(hidden=True)
def serve(directory: Directory) -> None:
    """Hold the stack until a signal comes; `up` starts this."""
    background.serve(directory)


def main() -> None:
    """Run a command; however it ends, what it started ends with it."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        app()
    except StepFailed as failure:
        sys.exit(str(failure))


def _interrupt(*_: object) -> None:
    """Unwind, once: a second Ctrl-C must not interrupt what ends the processes."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
