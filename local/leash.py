"""Runs a command and ends its whole process group as soon as stdin is closed.

Whoever starts this keeps the other end of a pipe. However it ends, by itself, by Ctrl-C or by
`kill -9`, the pipe is closed, and the command is gone with all that it started.
"""

import os
import signal
import subprocess
import sys
from threading import Thread


def main() -> int:
    """Run a command; answer with its exit code.

    The first argument is for whoever lists processes: it tells whose command this is.
    """
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
    Thread(target=_end_with_stdin, daemon=True).start()
    return child.wait()


def _end_with_stdin() -> None:
    # Not `sys.stdin`: a thread that waits in there keeps the interpreter from ending.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
