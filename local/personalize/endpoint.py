"""The endpoint inside a test or a command: served from a thread, gone when the block ends."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import closing
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from local.personalize.faults import Rule
from local.personalize.server import serve
from local.personalize.service import Resources, Settings

Rules = Iterable[Rule | Mapping[str, Any]]
_ADMIN_SECONDS = 60.0


class Endpoint:
    """Amazon Personalize Events on a free port of this machine, as a context manager.

    Leaving the block answers or cuts the calls in flight, joins the thread and closes every
    socket. Methods may be called from any thread. For the arguments see `Settings`; of trackers
    and of datasets, if none is given any exists.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        store: str = ":memory:",
        quotas: Mapping[str, float] | None = None,
        faults: Rules = (),
        trackers: Iterable[str] = (),
        datasets: Iterable[str] = (),
        credentials: Mapping[str, str] | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._port = port
        self._settings = Settings(
            clock=clock,
            store=store,
            quotas=quotas or {},
            faults=tuple(faults),
            resources=Resources(frozenset(trackers), frozenset(datasets)),
            credentials=credentials or {},
            seed=seed,
        )
        self.url = ""

    def __enter__(self) -> Self:
        self._ready: Future[str] = Future()
        self._thread = threading.Thread(target=self._run, name="personalize-endpoint")
        self._thread.start()
        try:
            self.url = self._ready.result()
        except BaseException:
            self._thread.join()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def summary(self) -> dict[str, Any]:
        """What was asked and what became of it, by operation and target; see `summarise`."""
        return dict(orjson.loads(self._ask("GET", "summary")))

    def entries(self, operation: str) -> list[dict[str, Any]]:
        """What is stored of an operation (`PutEvents`), in the order of arrival."""
        return _lines(self._ask("GET", f"entries/{operation}"))

    def calls(self) -> list[dict[str, Any]]:
        """The log of calls, by number."""
        return _lines(self._ask("GET", "calls"))

    def faults(self, rules: Rules) -> None:
        """Put these rules in place of all others; without any, nothing goes wrong any more."""
        values = [Rule.model_validate(rule).model_dump(exclude_defaults=True) for rule in rules]
        self._ask("PUT", "faults", orjson.dumps(values))

    def resources(self, *, trackers: Iterable[str] = (), datasets: Iterable[str] = ()) -> None:
        """Declare what exists from now on; of a kind of which none is named, everything does."""
        body = {"trackers": list(trackers), "datasets": list(datasets)}
        self._ask("PUT", "resources", orjson.dumps(body))

    def reset(self) -> None:
        """Make it as just started, and empty."""
        self._ask("POST", "reset")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        address = urlsplit(self.url).netloc
        with closing(HTTPConnection(address, timeout=_ADMIN_SECONDS)) as connection:
            connection.request(method, f"/_local/{path}", body)
            response = connection.getresponse()
            content = response.read()
        if response.status != 200:  # noqa: PLR2004 -- HTTP's own word for success
            raise ValueError(f"{method} {path}: {response.status} {content.decode()}")
        return content

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self._settings, port=self._port) as url:
            self._ready.set_result(url)
            await self._stop.wait()


def _lines(content: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in content.splitlines()]
