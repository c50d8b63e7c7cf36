"""The mappings against a real emulator: its streams, its functions, its bucket."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.mappings import Mappings

REPOSITORY = Path(__file__).parents[3]
EMULATOR = REPOSITORY / ".venv-local" / "bin" / "ministack"
PATIENCE = 60.0

FUNCTION = '''
import base64, json, os, pathlib

def handle(event, context):
    """Accept everything but poison; write down what was accepted."""
    documents = [base64.b64decode(r["kinesis"]["data"]).decode() for r in event["Records"]]
    if "poison" in documents and os.environ["FAILURE"] == "raise":
        raise ValueError("poison")
    failures = []
    with pathlib.Path(os.environ["LEDGER"]).open("a") as ledger:
        for record, document in zip(event["Records"], documents):
            if document == "poison":
                failures.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
                break
            ledger.write(record["kinesis"]["partitionKey"] + " " + document + "\\n")
    return {"batchItemFailures": failures}
'''


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait for something outside this process, which cannot tell when it has happened."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def endpoint_url(tmp_path_factory) -> Iterator[str]:
    directory, port = tmp_path_factory.mktemp("emulator"), free_port()
    environment = os.environ | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(directory),
        "LOG_LEVEL": "WARNING",
    }
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            [EMULATOR],
            cwd=directory,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert eventually(lambda: answers(port)), (directory / "log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(frozen=True)
class Feed:
    """A stream, a function, a bucket, and the disabled mapping that joins them."""

    stream: str
    bucket: str
    mapping: str
    ledger: Path
    session: boto3.Session
    endpoint_url: str

    def client(self, service):
        paths = Config(s3={"addressing_style": "path"})
        return self.session.client(service, endpoint_url=self.endpoint_url, config=paths)

    def put(self, documents):
        kinesis = self.client("kinesis")
        for document, key in documents:
            kinesis.put_record(StreamName=self.stream, Data=document.encode(), PartitionKey=key)

    def delivered(self):
        return [tuple(line.split(" ", 1)) for line in self.ledger.read_text().splitlines()]

    def abandoned(self):
        objects = self.client("s3")
        listed = objects.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [
            (
                entry["Key"],
                json.load(objects.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"]),
            )
            for entry in listed
        ]


@pytest.fixture
def deploy(endpoint_url, tmp_path):
    names, deployed = count(), list[Feed]()

    def deploy(*, shards=1, failure="raise", destination=None, **settings: Any) -> Feed:
        name = f"{tmp_path.name.replace('_', '-').lower()}-{next(names)}"[-60:].strip("-")
        session = boto3.Session("test", "test", region_name="us-east-1")
        ledger = tmp_path / f"{name}.ledger"
        ledger.touch()
        feed = Feed(name, name, "", ledger, session, endpoint_url)
        kinesis, functions = feed.client("kinesis"), feed.client("lambda")
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        kinesis.get_waiter("stream_exists").wait(StreamName=name)
        arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
            "StreamARN"
        ]
        feed.client("s3").create_bucket(Bucket=name)
        functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role="arn:aws:iam::000000000000:role/forwarder",
            Handler="function.handle",
            Code={"ZipFile": zipped(FUNCTION)},
            Timeout=10,
            Environment={"Variables": {"LEDGER": str(ledger), "FAILURE": failure}},
        )
        mapping = functions.create_event_source_mapping(
            EventSourceArn=arn,
            FunctionName=name,
            Enabled=False,
            StartingPosition="TRIM_HORIZON",
            DestinationConfig={"OnFailure": {"Destination": destination or f"arn:aws:s3:::{name}"}},
            **settings,
        )
        deployed.append(replace(feed, mapping=mapping["UUID"]))
        return deployed[-1]

    yield deploy
    for feed in deployed:
        feed.client("lambda").delete_event_source_mapping(UUID=feed.mapping)


def zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("function.py", source)
    return packed.getvalue()


def run(feed: Feed, **settings: Any) -> Mappings:
    return Mappings(
        feed.endpoint_url, run_disabled=True, poll=0.05, backoff=lambda _: 0.01, **settings
    )


def totals(mappings: Mappings, feed: Feed, count: str) -> int:
    shards = mappings.status()["mappings"][feed.mapping]["shards"].values()
    return sum(shard[count] for shard in shards)


def test_a_poison_record_ends_as_an_object_and_all_else_is_delivered(deploy):
    feed = deploy(shards=2, BatchSize=8, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    documents = [(f"document-{number}", f"key-{number % 7}") for number in range(30)]
    feed.put([*documents[:15], ("poison", "key-3"), *documents[15:]])

    with run(feed) as mappings:
        assert mappings.drained(60)
        status = mappings.status()
        read, abandoned = totals(mappings, feed, "read"), totals(mappings, feed, "abandoned")

    assert sorted(feed.delivered()) == sorted((key, document) for document, key in documents)
    assert status["idle"]
    assert (read, abandoned) == (31, 1)
    ((key, document),) = feed.abandoned()
    assert key.startswith(f"aws/lambda/{feed.mapping}/shardId-")
    (record,) = json.loads(document["payload"])["Records"]
    assert record["kinesis"]["data"] == "cG9pc29u"
    assert document["requestContext"]["approximateInvokeCount"] == 2
    assert document["responseContext"]["functionError"] == "Unhandled"


def test_a_partial_answer_delivers_what_came_before_the_failure_once(deploy):
    feed = deploy(
        failure="report",
        BatchSize=10,
        MaximumRetryAttempts=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    feed.put([("1", "a"), ("2", "a"), ("poison", "a"), ("3", "a")])

    with run(feed) as mappings:
        assert mappings.drained(60)
        # What comes after an abandoned batch is read on.
        feed.put([("4", "a")])
        assert mappings.drained(60)

    assert feed.delivered() == [("a", "1"), ("a", "2"), ("a", "4")]
    ((_, document),) = feed.abandoned()
    assert document["KinesisBatchInfo"]["batchSize"] == 2
    assert document["responseContext"]["functionError"] is None


def test_a_queue_is_told_about_the_batch(deploy, endpoint_url):
    queues = boto3.Session("test", "test", region_name="us-east-1").client(
        "sqs", endpoint_url=endpoint_url
    )
    url = queues.create_queue(QueueName="abandoned")["QueueUrl"]
    feed = deploy(
        destination="arn:aws:sqs:us-east-1:000000000000:abandoned", MaximumRetryAttempts=0
    )
    feed.put([("poison", "a")])

    with run(feed) as mappings:
        assert mappings.drained(60)

    (message,) = queues.receive_message(QueueUrl=url)["Messages"]
    document = json.loads(message["Body"])
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in document


def test_the_children_of_a_split_shard_are_read_too(deploy):
    feed = deploy(BatchSize=10)
    feed.put([("before", "a")])
    kinesis = feed.client("kinesis")

    with run(feed) as mappings:
        assert mappings.drained(60)
        kinesis.split_shard(
            StreamName=feed.stream,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(2**127),
        )
        feed.put([(f"after-{number}", str(number)) for number in range(8)])
        assert mappings.drained(60)
        shards = mappings.status()["mappings"][feed.mapping]["shards"]

    assert len(feed.delivered()) == 9
    assert [shard["ended"] for shard in shards.values()] == [True, False, False]


def test_a_runner_that_is_killed_in_the_middle_resumes_behind_its_checkpoint(deploy, tmp_path):
    feed = deploy(BatchSize=1)
    feed.put([(str(number), "a") for number in range(30)])
    command = [
        *(sys.executable, "-m", "local.mappings", "--endpoint-url", feed.endpoint_url),
        *("--run-disabled", "--state", str(tmp_path / "state.json")),
    ]

    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        try:
            assert eventually(lambda: len(feed.delivered()) >= 5)
        finally:
            process.kill()
    before = len(feed.delivered())
    assert before < 30

    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            with urllib.request.urlopen(f"{ready['status']}drained?timeout=60") as answer:  # noqa: S310 - the runner's own loopback address
                assert answer.status == 200
        finally:
            process.terminate()
    assert process.returncode == 0

    # At least once: the kill may catch a batch between its answer and its checkpoint.
    documents = [int(document) for _, document in feed.delivered()]
    assert sorted(set(documents)) == list(range(30))
    assert len(documents) <= 30 + 2


def test_a_mapping_that_is_enabled_is_disabled_before_it_is_run(deploy):
    """Else the emulator polls it as well, with semantics of its own."""
    feed = deploy()
    functions = feed.client("lambda")
    functions.update_event_source_mapping(UUID=feed.mapping, Enabled=True)

    with run(feed) as mappings:
        assert mappings.drained(60)
        feed.put([("1", "a")])
        assert mappings.drained(60)

    assert functions.get_event_source_mapping(UUID=feed.mapping)["State"] == "Disabled"
    assert feed.delivered() == [("a", "1")]


def test_disabled_mappings_are_left_alone_unless_asked_for(deploy):
    feed = deploy()

    with Mappings(feed.endpoint_url) as mappings:
        assert mappings.drained(60)
        assert feed.mapping not in mappings.status()["mappings"]
