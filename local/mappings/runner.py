"""All mappings of an endpoint, run as Lambda would."""

import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from local.mappings.checkpoints import Checkpoints
from local.mappings.clients import connect
from local.mappings.configuration import Configuration, Unsupported, parse_configuration
from local.mappings.mapping import Mapping
from local.mappings.semantics import Backoff

logger = logging.getLogger(__name__)

_DISABLED = "Disabled"

_REFRESH = 1.0
"""Seconds between two looks at the list of mappings and of their shards."""


def exponential(first: float = 0.2, longest: float = 5.0) -> Backoff:
    """Wait twice as long before every further try."""
    return lambda number: min(longest, first * 2.0 ** min(number - 1, 30))


class Mappings:
    """Runs every Kinesis mapping that the Lambda API lists, from `with` to the end of the block.

    Mappings and shards that appear, change or vanish later are followed. Delivery is at least
    once; given a `state` file, also over a kill and a restart.

    Args:
        endpoint_url: Where the emulator listens.
        run_disabled: Run disabled mappings too, and disable the others before they are run: an
            emulator polls what is enabled, and its poller knows neither retries nor destinations.
        state: File for the checkpoints; without it they end with this object.
        region: Whose mappings are run.
        poll: Seconds between two reads of a shard that has nothing new.
        backoff: How long to wait before a batch is tried again.
    """

    def __init__(
        self,
        endpoint_url: str,
        *,
        run_disabled: bool = False,
        state: Path | None = None,
        region: str = "us-east-1",
        poll: float = 0.2,
        backoff: Backoff | None = None,
    ) -> None:
        self._clients = connect(endpoint_url, region)
        self._checkpoints = Checkpoints(state)
        self._run_disabled = run_disabled
        self._poll = poll
        self._backoff = backoff or exponential()
        self._mappings: dict[str, Mapping] = {}
        self._refused: list[str] = []
        self._seen_at = float("-inf")
        self._stopping = False
        self._look = Event()
        self._change = Condition()
        self._thread = Thread(target=self._run, name="mappings")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._look.set()
        self._thread.join()

    def status(self) -> dict[str, Any]:
        """Say per mapping and shard what was done and what is left."""
        mappings = {uuid: mapping.status() for uuid, mapping in self._mappings.items()}
        shards = [shard for mapping in mappings.values() for shard in mapping["shards"].values()]
        idle = all(shard["idle"] for shard in shards)
        return {"mappings": mappings, "refused": list(self._refused), "idle": idle}

    def drained(self, timeout: float) -> bool:
        """Wait until every record that is in the streams now was delivered, kept or dropped.

        Returns:
            Whether that was so within `timeout` seconds.
        """
        asked = time.monotonic()
        self._look.set()
        with self._change:
            return self._change.wait_for(lambda: self._drained(asked), timeout)

    def _drained(self, asked: float) -> bool:
        mappings = self._mappings.values()
        return self._seen_at >= asked and all(mapping.drained(asked) for mapping in mappings)

    def _changed(self) -> None:
        with self._change:
            self._change.notify_all()

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._look.clear()
                self._follow_list()
                self._changed()
                self._look.wait(_REFRESH)
        finally:
            self._end(self._mappings.values())

    def _follow_list(self) -> None:
        began = time.monotonic()
        try:
            listed = {told.uuid: told for told in self._list()}
        except (BotoCoreError, ClientError) as error:
            logger.warning("the mappings cannot be listed: %s", error)
            return
        self._end(
            held for held in self._mappings.values() if listed.get(held.told.uuid) != held.told
        )
        held = {
            uuid: held for uuid, held in self._mappings.items() if listed.get(uuid) == held.told
        }
        self._mappings = {
            uuid: held.get(uuid) or self._begin(told) for uuid, told in listed.items()
        }
        for mapping in self._mappings.values():
            mapping.discover()
        self._seen_at = began

    def _list(self) -> Iterator[Configuration]:
        self._refused = []
        for page in self._clients.functions.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                if ":kinesis:" not in mapping.get("EventSourceArn", ""):
                    continue
                try:
                    told = parse_configuration(dict(mapping))
                except (Unsupported, ValidationError) as error:
                    self._refused.append(str(error))
                    continue
                if self._run_disabled:
                    yield self._take_over(told)
                elif told.enabled:
                    yield told

    def _take_over(self, told: Configuration) -> Configuration:
        """Disable a mapping that claims to be enabled.

        ministack reports mappings from CloudFormation as enabled, whatever the template says.
        """
        if told.state != _DISABLED:
            self._clients.functions.update_event_source_mapping(UUID=told.uuid, Enabled=False)
        return told.model_copy(update={"state": _DISABLED})

    def _end(self, mappings: Iterable[Mapping]) -> None:
        ending = list(mappings)
        for mapping in ending:
            mapping.stop()
        for mapping in ending:
            mapping.join()

    def _begin(self, told: Configuration) -> Mapping:
        return Mapping(
            told,
            clients=self._clients,
            checkpoints=self._checkpoints,
            backoff=self._backoff,
            poll=self._poll,
            changed=self._changed,
        )
