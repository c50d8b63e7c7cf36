"""A stage on an emulator with dead letters in it, and the operator's commands to run against it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from dead_letter_world import World
from small_stage import SmallStage

from forwarder.outcomes import Record
from local.emulator import CREDENTIALS, REGION
from replayer.aws import Services, connect
from replayer.site import Site
from replayer.stream_range import Since

REPOSITORY = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "pstream", "dead-letters")
AT_ONCE = 8


@dataclass(frozen=True)
class Ran:
    """What a command did: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def audit(self) -> Any:
        """The audit line."""
        return json.loads(next(line for line in self.err.splitlines() if '"audit"' in line))


class OperatorStage:
    """A stage, what is put into it, and its operator."""

    def __init__(self, small: SmallStage) -> None:
        self.small = small
        self.directory = REPOSITORY

    @property
    def environment(self) -> dict[str, str]:
        paths = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "functions")))
        return {**os.environ, **self.small.environment(), "PYTHONPATH": paths, "COLUMNS": "120"}

    def run(self, *arguments: str, said: str = "", **changes: str) -> Ran:
        """Run a command to its end."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--stage", self.small.name],
            cwd=self.directory,
            env={**self.environment, **changes},
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command, to be killed."""
        return subprocess.Popen(
            [*COMMAND, *arguments, "--stage", self.small.name],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def world(self, feed: str) -> World:
        """A world that makes dead letters as this stage would."""
        return World(
            feed=feed,
            stream_arn=self.small.output(feed, "StreamArn"),
            bucket_name=self.small.output(feed, "BucketName"),
        )

    def fill(self, world: World) -> None:
        """Put a world's messages and objects where the operator finds them."""
        feed = world.feed
        bucket, url = self.small.output(feed, "BucketName"), self.small.output(feed, "QueueUrl")

        def store(item: tuple[str, bytes]) -> None:
            self.small.s3.put_object(Bucket=bucket, Key=item[0], Body=item[1])

        def send(bodies: Sequence[str]) -> None:
            self.small.sqs.send_message_batch(
                QueueUrl=url,
                Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)],
            )

        bodies = [held.body for held in world.queue.values()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(store, world.bucket.items()))
            list(pool.map(send, [bodies[n : n + 10] for n in range(0, len(bodies), 10)]))

    def put(self, feed: str, documents: Iterable[tuple[object, str]]) -> list[Record]:
        """Put documents on the stream, and return their records as they are there."""
        some = list(documents)
        name = self.small.output(feed, "StreamName")
        before = len(self.stream(feed))
        for start in range(0, len(some), 500):
            self.small.kinesis.put_records(
                StreamName=name,
                Records=[
                    {"Data": json.dumps(data).encode(), "PartitionKey": key}
                    for data, key in some[start : start + 500]
                ],
            )
        found = sorted(self.stream(feed), key=lambda record: int(record.sequence))
        return found[before:]

    def stream(self, feed: str) -> list[Record]:
        """All records of a stream, the oldest first."""
        world = self.world(feed)
        services = self.services(feed)
        found = [
            record
            for shard in services.shards()
            for record in services.reader.read(shard, Since(world.now.replace(year=2020)))
        ]
        return sorted(found, key=lambda record: int(record.sequence))

    def services(self, feed: str) -> Services:
        session = boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        return connect(session, self.site(feed))

    def site(self, feed: str, *, target: str = "") -> Site:
        return Site(
            stage=self.small.name,
            feed=feed,
            target=target,
            stream_name=self.small.output(feed, "StreamName"),
            stream_arn=self.small.output(feed, "StreamArn"),
            queue_url=self.small.output(feed, "QueueUrl"),
            bucket=self.small.output(feed, "BucketName"),
        )
