"""The commands behind `make demo`, `make up` and `make down`, as a person runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.clients import connect
from local.emulator import ROOT

PATIENCE = 120.0


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where the commands keep everything; whatever they did, nothing of it runs afterwards."""
    yield tmp_path / "local"
    assert eventually(lambda: processes_of(tmp_path) == [])


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait for something that other processes do."""
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def processes_of(place: Path) -> list[str]:
    """All processes that work for a stack in a place: its leashes and functions name it."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(place) in line]


def begin(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(command: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = command.communicate(timeout=PATIENCE)
    return command.returncode, output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["emulator.log", "cdk-bootstrap.log"])
def test_a_demo_that_is_interrupted_leaves_nothing_running(directory, moment, number):
    with ExitStack() as ending:
        demo = ending.enter_context(begin("demo", "--directory", directory))
        ending.callback(demo.kill)
        assert eventually(lambda: any(directory.glob(f"demo-*/{moment}")))

        demo.send_signal(number)
        code, _ = end(demo)

    assert code == (-9 if number == signal.SIGKILL else 130)
    assert eventually(lambda: processes_of(directory) == [])
    assert number == signal.SIGKILL or list(directory.iterdir()) == []


def test_a_stack_that_is_up_stays_until_it_is_taken_down(directory):
    code, output = end(begin("up", "--directory", directory))
    assert code == 0, output
    assert "aws kinesis put-record" in output
    reachable = json.loads((directory / "reachable.json").read_text())
    streams = connect(reachable["url"]).streams.list_streams()["StreamNames"]
    assert sorted(streams) == sorted(reachable["streams"].values())

    code, output = end(begin("up", "--directory", directory))
    assert (code, output.splitlines()[0]) == (0, "The stack is running already.")

    assert end(begin("down", "--directory", directory)) == (0, "The stack is down.\n")
    assert processes_of(directory) == []
    assert not directory.exists()
    assert end(begin("down", "--directory", directory)) == (0, "The stack was not running.\n")


def test_what_a_killed_stack_left_behind_is_not_taken_for_a_running_one(directory):
    directory.mkdir()
    (directory / "lock").write_text(str(os.getpid()))
    (directory / "reachable.json").write_text("{}")

    assert end(begin("down", "--directory", directory)) == (0, "The stack was not running.\n")
