"""`pstream`: the command line."""

import signal
import sys

import typer

from pstream.dead_letters.app import app as dead_letters

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(dead_letters, name="dead-letters")

INTERRUPTED = 130


@app.callback()
def pstream() -> None:
    """Operate a deployed stage."""


def main() -> None:
    """Run a command; it unwinds when it is asked to end."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    app()


def _interrupt(*_: object) -> None:
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
