"""ministack on this machine: AWS without an account, as far as the deployed template needs it."""

import os
import shutil
import socket
import time
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from local.process import Process

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv-local" / "bin" / "python"
ACCOUNT = "000000000000"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
"""What the emulator takes for the account's root."""

_HOST = "127.0.0.1"
_START_SECONDS = 30.0
_ATTEMPTS = 3


class Emulator:
    """One emulator, empty, on this machine only, as a context manager.

    Everything it writes is in `directory`. Leaving the block, however, ends it and the functions
    it runs.

    Args:
        directory: Where its log, state and temporary files go; it has to exist.
        auth: Enforce IAM, roles of functions included.
        port: Where it listens; a free port unless given.
    """

    def __init__(self, directory: Path, *, auth: bool = False, port: int | None = None) -> None:
        self._directory = directory
        self._auth = auth
        self._port = port
        self._running = ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.callback(shutil.rmtree, self._scratch, ignore_errors=True)
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def log(self) -> Path:
        """Where the emulator says what it does."""
        return self._directory / "emulator.log"

    @property
    def _scratch(self) -> Path:
        return self._directory / "emulator"

    def _start(self, starting: ExitStack) -> None:
        # Between the search for a free port and its use somebody else can take it.
        for attempt in range(1, _ATTEMPTS + 1):
            port = self._port or _free_port()
            process = Process(
                "starting the emulator",
                [str(PYTHON), "-m", "ministack"],
                log=self.log,
                environment=self._environment(port),
                directory=self._directory,
            )
            with ExitStack() as trying:
                trying.enter_context(process)
                if _answers(port, process):
                    self.url = f"http://{_HOST}:{port}"
                    starting.push(trying.pop_all())
                    return
            if attempt == _ATTEMPTS:
                raise process.failure()

    def _environment(self, port: int) -> dict[str, str]:
        """Nothing of the caller's, because functions inherit it: no profile, no proxy, no home."""
        scratch = self._scratch
        temporary = scratch / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        return {
            **CREDENTIALS,
            "AUTH": str(self._auth).lower(),
            "BIND_HOST": _HOST,
            "GATEWAY_PORT": str(port),
            "HOME": str(scratch),
            "LANG": "C.UTF-8",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_HOST": _HOST,
            "MINISTACK_REGION": REGION,
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONDONTWRITEBYTECODE": "1",
            "S3_DATA_DIR": str(scratch / "s3"),
            "STATE_DIR": str(scratch / "state"),
            "TMPDIR": str(temporary),
        }


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _answers(port: int, process: Process) -> bool:
    """Wait until the emulator is ready; it is not if its process ends before that."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and not process.ended:
        connection = HTTPConnection(_HOST, port, timeout=1)
        try:
            connection.request("GET", "/_ministack/health")
            if connection.getresponse().status == 200:  # noqa: PLR2004 # HTTP's word for success
                return True
        except (OSError, HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    return False
