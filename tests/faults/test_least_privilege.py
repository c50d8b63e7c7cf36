"""Least privilege in force: each function can do its work, and is refused all else."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import boto3
import guarded
import pytest
from accountant import Put, balance
from botocore.config import Config
from botocore.exceptions import ClientError
from evidence import LEDGERS, DeadLetterStore
from producer import REFUSAL, Producer

from forwarder.destinations import DESTINATIONS
from local.clients import Clients, connect
from local.emulator import CREDENTIALS, REGION, Emulator
from local.mappings import Mappings
from local.outputs import DeployedFeed
from local.personalize import Endpoint

FEEDS = list(DESTINATIONS)
RECORDS = 60


@dataclass(frozen=True)
class Guarded:
    """The deployed stack, under guard."""

    url: str
    clients: Clients
    personalize: Endpoint
    feeds: Mapping[str, DeployedFeed]

    def as_function(self, feed: str) -> boto3.Session:
        """A session with the rights of a feed's function."""
        told = self.clients.functions.get_function_configuration(
            FunctionName=self.feeds[feed].function
        )
        root = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        security = root.client("sts", endpoint_url=self.url)
        keys = security.assume_role(RoleArn=told["Role"], RoleSessionName=feed)["Credentials"]
        return boto3.Session(
            keys["AccessKeyId"],
            keys["SecretAccessKey"],
            keys["SessionToken"],
            region_name=REGION,
        )


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("guarded")
    with Emulator(directory, auth=True) as emulator, Endpoint(faults=[REFUSAL]) as endpoint:
        clients = connect(emulator.url)
        _, feeds = guarded.deploy(
            directory, url=emulator.url, clients=clients, personalize=endpoint.url
        )
        yield Guarded(emulator.url, clients, endpoint, feeds)


def put(stack: Guarded, feed: DeployedFeed) -> Sequence[Put]:
    producer = Producer(feed.name, 7, now=int(time.time()))
    made = [producer.make() for _ in range(RECORDS)]
    answer = stack.clients.streams.put_records(
        StreamName=feed.stream,
        Records=[{"Data": each.data, "PartitionKey": each.key} for each in made],
    )
    return [
        Put(feed.stream, at["ShardId"], at["SequenceNumber"], each.data, each.documents)
        for each, at in zip(made, answer["Records"], strict=True)
    ]


def test_every_feed_does_all_of_its_work_with_the_rights_it_has(stack):
    puts = {name: put(stack, feed) for name, feed in stack.feeds.items()}

    with Mappings(stack.url, run_disabled=True) as mappings:
        assert mappings.drained(120)

    for name, feed in stack.feeds.items():
        clients = stack.clients
        store = DeadLetterStore(clients.queues, clients.objects, feed.queue_url, feed.bucket)
        found = store.found(stack.personalize.entries(feed.destination.action))
        books = balance(LEDGERS[name], puts[name], found).check()
        assert books.delivered > 0
        assert books.rejected > 0
        assert books.abandoned == 0
    assert any(store.keys("rejected/") for store in stores(stack)), "no large one was among them"


def stores(stack: Guarded) -> list[DeadLetterStore]:
    clients = stack.clients
    return [
        DeadLetterStore(clients.queues, clients.objects, feed.queue_url, feed.bucket)
        for feed in stack.feeds.values()
    ]


@pytest.mark.parametrize("feed", FEEDS)
def test_a_function_is_refused_what_is_not_its_work(stack, feed):
    own, other = stack.feeds[feed], stack.feeds[FEEDS[FEEDS.index(feed) - 1]]
    session, config = stack.as_function(feed), Config(s3={"addressing_style": "path"})

    def client(service):
        return session.client(service, endpoint_url=stack.url, config=config)

    queues, objects, streams = client("sqs"), client("s3"), client("kinesis")
    functions, keys = client("lambda"), client("iam")
    stack.clients.objects.put_object(Bucket=own.bucket, Key="rejected/kept", Body=b"kept")
    forbidden = {
        "read its dead letters": lambda: queues.receive_message(QueueUrl=own.queue_url),
        "delete its dead letters": lambda: queues.purge_queue(QueueUrl=own.queue_url),
        "write another's dead letters": lambda: queues.send_message(
            QueueUrl=other.queue_url, MessageBody="x"
        ),
        "read what it kept": lambda: objects.get_object(Bucket=own.bucket, Key="rejected/kept"),
        "delete what it kept": lambda: objects.delete_object(
            Bucket=own.bucket, Key="rejected/kept"
        ),
        "put elsewhere": lambda: objects.put_object(Bucket=own.bucket, Key="else", Body=b""),
        "put into another's bucket": lambda: objects.put_object(
            Bucket=other.bucket, Key="rejected/x", Body=b""
        ),
        "read another's stream": lambda: streams.get_shard_iterator(
            StreamARN=other.stream_arn,
            ShardId="shardId-000000000000",
            ShardIteratorType="TRIM_HORIZON",
        ),
        "write its own stream": lambda: streams.put_record(
            StreamARN=own.stream_arn, Data=b"x", PartitionKey="x"
        ),
        "invoke a function": lambda: functions.invoke(FunctionName=own.function),
        "change its own code": lambda: functions.update_function_code(
            FunctionName=own.function, ZipFile=b"x"
        ),
        "create a user": lambda: keys.create_user(UserName="x"),
    }

    allowed = [name for name, act in forbidden.items() if not refused(act)]

    assert allowed == []


@pytest.mark.parametrize("feed", FEEDS)
def test_a_function_is_granted_what_is(stack, feed):
    own = stack.feeds[feed]
    session, config = stack.as_function(feed), Config(s3={"addressing_style": "path"})
    queues = session.client("sqs", endpoint_url=stack.url)
    objects = session.client("s3", endpoint_url=stack.url, config=config)
    streams = session.client("kinesis", endpoint_url=stack.url)

    streams.get_shard_iterator(
        StreamARN=own.stream_arn,
        ShardId="shardId-000000000000",
        ShardIteratorType="TRIM_HORIZON",
    )
    queues.send_message(QueueUrl=own.queue_url, MessageBody=json.dumps({}))
    objects.put_object(Bucket=own.bucket, Key="rejected/x", Body=b"")
    objects.put_object(Bucket=own.bucket, Key="aws/lambda/x", Body=b"")


def refused(act) -> bool:
    try:
        act()
    except ClientError as error:
        return "Denied" in error.response["Error"]["Code"]
    return False
