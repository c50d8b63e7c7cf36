"""The whole product on one machine: emulator, Personalize endpoint, deployed template, mappings."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from infra import stages
from infra.config import Stage
from local import mappings
from local.clients import Clients, connect
from local.deployment import deploy
from local.emulator import Emulator
from local.mappings import Mappings
from local.outputs import DeployedFeed, read_outputs
from local.personalize import Endpoint

STAGE = "local"


Watch = Callable[[str], object]


def _unwatched(_: str) -> None:
    """Nobody wants to know."""


class Stack:
    """The deployed stack, empty and ready for records, as a context manager.

    Nothing reads the streams before `run_mappings`: the emulator's own pollers, which would lose
    records, are switched off. Leaving the block, however, ends everything.

    Args:
        directory: Where logs, the endpoint's store and temporary files go; it has to exist.
        stage: The stage that is deployed.
        auth: Have the emulator enforce IAM.
        port: Where the emulator listens; a free port unless given.
        watch: Is told what happens now, as `what` or `what: how far`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        stage: str = STAGE,
        auth: bool = False,
        port: int | None = None,
        watch: Watch = _unwatched,
    ) -> None:
        self.directory = directory
        self.stage: Stage = stages.choose(stage)
        self.feeds: dict[str, DeployedFeed] = {}
        self.mappings: Mappings | None = None
        self._emulator = Emulator(directory, auth=auth, port=port)
        self._watch = watch
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            # What is under way ends at once, or the mappings would wait for it.
            self._emulator.__exit__(kind, error, trace)
        self._running.close()

    @property
    def url(self) -> str:
        """Where the emulator's AWS is."""
        return self._emulator.url

    def run_mappings(self) -> Mappings:
        """Begin to deliver what is in the streams, and what will be."""
        if self.mappings is None:
            self._running.enter_context(_logged(self.directory / "mappings.log"))
            running = Mappings(self.url, run_disabled=True)
            self.mappings = self._running.enter_context(running)
        return self.mappings

    def _start(self, starting: ExitStack) -> None:
        self._watch("starting the emulator and the Personalize endpoint")
        feeds = self.stage.feeds.values()
        self.personalize = starting.enter_context(
            Endpoint(
                store=str(self.directory / "personalize.sqlite"),
                trackers=[f.target for f in feeds if f.destination.target == "trackingId"],
                datasets=[f.target for f in feeds if f.destination.target == "datasetArn"],
            )
        )
        starting.enter_context(self._emulator)
        deploy(
            self.directory,
            endpoint_url=self.url,
            context={"stage": self.stage.name, "personalize_endpoint": self.personalize.url},
            progress=self._watch,
        )
        self.clients: Clients = connect(self.url)
        self.feeds = read_outputs(self.clients, self.stage)
        for feed in self.feeds.values():
            self.clients.functions.update_event_source_mapping(UUID=feed.mapping, Enabled=False)


@contextmanager
def _logged(log: Path) -> Iterator[None]:
    """Let the mappings write their warnings where the other logs are, for the block."""
    logger = logging.getLogger(mappings.__name__)
    handler = logging.FileHandler(log, encoding="utf-8")
    logger.addHandler(handler)
    logger.propagate, before = False, logger.propagate
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(handler)
        handler.close()
