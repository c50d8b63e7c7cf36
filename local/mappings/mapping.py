"""One mapping: which of its stream's shards are read, and when."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.mappings.actions import invoke, keep
from local.mappings.checkpoints import Checkpoints
from local.mappings.clients import Clients
from local.mappings.configuration import Configuration
from local.mappings.events import Origin
from local.mappings.lineage import identify, ready
from local.mappings.reading import Reader
from local.mappings.semantics import Backoff
from local.mappings.shard import Shard
from local.mappings.worker import ShardWorker, Verbs

if TYPE_CHECKING:
    from types_boto3_kinesis.type_defs import ShardTypeDef


class Mapping:
    """Runs a mapping's shards: children after their parents have ended, so that order survives.

    `discover` is called again and again by one thread; the rest by any.
    """

    def __init__(
        self,
        told: Configuration,
        *,
        clients: Clients,
        checkpoints: Checkpoints,
        backoff: Backoff,
        poll: float,
        changed: Callable[[], None],
    ) -> None:
        self.told = told
        self._clients = clients
        self._checkpoints = checkpoints
        self._backoff = backoff
        self._poll = poll
        self._changed = changed
        self._shards: dict[str, ShardWorker] = {}
        self._seen_at = float("-inf")
        self._problem: str | None = None

    def discover(self) -> None:
        """Start what can be started; a shard that is not listed any more is read no further."""
        began = time.monotonic()
        try:
            listed = {identify(shard): shard for shard in self._list()}
            self._follow(listed)
        except (BotoCoreError, ClientError) as error:
            self._problem = str(error)
            return
        self._problem = None
        self._seen_at = began if listed.keys() <= self._shards.keys() else float("-inf")

    def stop(self) -> None:
        """Begin no further step; `join` waits for those that are under way."""
        for shard in self._shards.values():
            shard.stop()

    def join(self) -> None:
        """Wait until nothing runs any more."""
        for shard in self._shards.values():
            shard.join()

    def drained(self, asked: float) -> bool:
        """Tell whether all that was in the stream at `asked` (monotonic) has come to an end."""
        shards = self._shards.values()
        return self._seen_at >= asked and all(shard.drained(asked) for shard in shards)

    def status(self) -> dict[str, Any]:
        """Say what every shard did and has left."""
        return {
            "function": self.told.function_arn,
            "stream": self.told.stream_arn,
            "problem": self._problem,
            "shards": {name: shard.status() for name, shard in self._shards.items()},
        }

    def _list(self) -> Iterator["ShardTypeDef"]:
        pages = self._clients.kinesis.get_paginator("list_shards")
        for page in pages.paginate(StreamARN=self.told.stream_arn):
            yield from page["Shards"]

    def _role(self) -> str:
        functions = self._clients.functions
        return functions.get_function_configuration(FunctionName=self.told.function_arn)["Role"]

    def _follow(self, listed: dict[str, "ShardTypeDef"]) -> None:
        started = self._shards.keys()
        for name in started - listed.keys():
            self._shards[name].finish()
        ended = {name for name, shard in self._shards.items() if shard.ended}
        starting = ready(listed, started=started, ended=ended)
        role = self._role() if starting else ""
        begun = {name: self._start(name, listed[name]["ShardId"], role) for name in starting}
        self._shards = {**self._shards, **begun}

    def _start(self, name: str, shard_id: str, role: str) -> ShardWorker:
        told = self.told
        since = self._checkpoints.since(told.uuid, time.time())
        after = self._checkpoints.after(told.uuid, name)
        origin = Origin(told, shard_id, role)
        verbs = Verbs(
            read=Reader(self._clients.kinesis, told, shard_id, after=after, since=since).read,
            invoke=partial(invoke, self._clients, origin),
            keep=partial(keep, self._clients, origin),
            checkpoint=partial(self._checkpoints.put, told.uuid, name),
            changed=self._changed,
        )
        shard = Shard(told, self._backoff, after)
        worker = ShardWorker(shard, origin, verbs, poll=self._poll)
        worker.start()
        return worker
