"""Processes of the local stack end with whoever started them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from local.process import Process, StepFailed

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""

HOLDER = """
import os, pathlib, sys, time
from local.process import Process
log = pathlib.Path(sys.argv[1])
with Process("a step", [sys.executable, "-c", sys.argv[2]], log=log, environment=os.environ,
             directory=log.parent):
    time.sleep(600)
"""


def process(tmp_path, code):
    return Process(
        "a step",
        [sys.executable, "-c", code],
        log=tmp_path / "log",
        environment=os.environ,
        directory=tmp_path,
    )


def grandchild(log):
    """The process that the command started, as soon as it says so."""
    until = time.monotonic() + 30
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < until:
        time.sleep(0.01)
    return int(log.read_text())


def is_gone(pid):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_leaving_the_block_ends_the_command_and_all_that_it_started(tmp_path):
    with process(tmp_path, FAMILY) as running:
        pid = grandchild(tmp_path / "log")
        assert not running.ended

    assert is_gone(pid)


def test_a_command_ends_even_if_its_holder_is_killed(tmp_path):
    log = tmp_path / "log"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(log), FAMILY]) as holder:
        pid = grandchild(log)
        holder.send_signal(signal.SIGKILL)

    assert is_gone(pid)


def test_a_command_that_succeeds_is_finished(tmp_path):
    with process(tmp_path, "print('done')") as running:
        running.finish()

    assert (tmp_path / "log").read_text() == "done\n"


def test_a_command_that_fails_shows_the_end_of_its_log_and_where_it_is(tmp_path):
    code = "import sys; print(*range(100), sep='\\n'); sys.exit('out of luck')"

    with process(tmp_path, code) as running, pytest.raises(StepFailed) as failed:
        running.finish()

    text = str(failed.value)
    assert text.startswith(f"a step failed. The end of {tmp_path / 'log'}:")
    assert "out of luck" in text
    assert "    99" in text
    assert "    42" not in text
