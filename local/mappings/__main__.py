"""`python -m local.mappings`: run the mappings of an emulator until SIGTERM."""

import json
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from local.mappings.runner import Mappings
from local.mappings.server import serve


def run(
    *,
    endpoint_url: Annotated[str, typer.Option(help="Where the emulator listens.")],
    run_disabled: Annotated[
        bool, typer.Option("--run-disabled", help="Run disabled mappings too, and disable all.")
    ] = False,
    state: Annotated[Path | None, typer.Option(help="File that keeps the checkpoints.")] = None,
    status_port: Annotated[int, typer.Option(help="Port of the status; 0: a free one.")] = 0,
    region: Annotated[str, typer.Option(help="Whose mappings are run.")] = "us-east-1",
    poll: Annotated[float, typer.Option(help="Seconds between reads of an idle shard.")] = 0.2,
) -> None:
    """Run every Kinesis event source mapping; print one line of JSON when ready."""
    signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that the signal reaches only the wait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    running = Mappings(
        endpoint_url, run_disabled=run_disabled, state=state, region=region, poll=poll
    )
    with running as mappings, serve(mappings, status_port) as url:
        print(json.dumps({"ready": True, "status": url, "pid": os.getpid()}), flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    typer.run(run)
