"""The runbook, tried: each alarm's commands, in the page's order, on a deployed local stack."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aws_commands
import boto3
import pytest

from forwarder.envelope import Envelope
from local.dead_letters import read_dead_letters
from local.emulator import CREDENTIALS, REGION, ROOT
from local.stack import Stack

PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n+(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
FEED = "events"


class Operator:
    """Somebody with the runbook, a terminal, and the stack's outputs."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self.stack = stack
        self.directory = directory
        self.feed = stack.feeds[FEED]
        log = stack.clients.functions.get_function_configuration(FunctionName=self.feed.function)
        self.variables = {
            "PSTREAM_STAGE": "local",
            "FUNCTION": self.feed.function,
            "MAPPING": self.feed.mapping,
            "QUEUE": self.feed.queue_url,
            "STREAM": self.feed.stream,
            "STREAM_ARN": self.feed.stream_arn,
            "KEY": self._output("KeyArn"),
            "LOG": log["LoggingConfig"]["LogGroup"],
        }

    def follow(self, text: str) -> list[str]:
        """Run each command of a text, agreeing to what is asked; return what was printed."""
        return [self.run(line) for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE)]

    def run(self, line: str) -> str:
        line = self.filled(line)
        if line.startswith("export "):
            return ""
        if line.startswith("aws "):
            return str(aws_commands.run(line, self._client, self.directory))
        assert line.startswith("pstream ")
        done = subprocess.run(
            [sys.executable, "-m", *line.split()],
            cwd=self.directory,
            env=self._environment(),
            input="y\n",
            capture_output=True,
            text=True,
            check=False,
        )
        # 1: something stays, which is what some of the commands are there to find out.
        assert done.returncode in {0, 1}, done.stderr
        return done.stdout

    def filled(self, text: str) -> str:
        """Fill in what the page has variables for."""
        for name in sorted(self.variables, key=len, reverse=True):
            text = text.replace(f"${name}", self.variables[name])
        assert "$" not in text.removeprefix("$")
        return text

    def put(self, *documents: object) -> list[str]:
        """Put documents on the stream; return their sequence numbers."""
        return [
            self.stack.clients.streams.put_record(
                StreamName=self.feed.stream, Data=json.dumps(each).encode(), PartitionKey="runbook"
            )["SequenceNumber"]
            for each in documents
        ]

    def stored(self, session: str) -> list[str]:
        """The items of a session's events that Personalize has."""
        found = self.stack.personalize.entries("PutEvents")
        return [each["itemId"] for each in found if each["sessionId"] == session]

    def letters(self) -> int:
        listed = self.run("pstream dead-letters list --feed events --json")
        count: int = json.loads(listed)["deadLetters"]
        return count

    def _client(self, service: str):
        session = boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        return session.client(service, endpoint_url=self.stack.url)  # type: ignore[call-overload] # any service

    def _environment(self) -> dict[str, str]:
        paths = os.pathsep.join(map(str, (ROOT, ROOT / "functions")))
        here = {"AWS_ENDPOINT_URL": self.stack.url, "PYTHONPATH": paths, "COLUMNS": "120"}
        return {**os.environ, **here, "PSTREAM_STAGE": "local"}

    def _output(self, key: str) -> str:
        (stack,) = self._client("cloudformation").describe_stacks(
            StackName="personalize-stream-local"
        )["Stacks"]
        (value,) = [each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == key]
        return str(value)


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("runbook")) as running:
        running.run_mappings()
        yield running


@pytest.fixture
def operator(stack: Stack, tmp_path: Path) -> Operator:
    return Operator(stack, tmp_path)


def event(session: str, **fields: object) -> dict[str, object]:
    return {"sessionId": session, "eventType": "click", "sentAt": int(time.time()), **fields}


def drained(stack: Stack) -> None:
    assert stack.run_mappings().drained(60)


def test_the_commands_before_the_first_section_find_the_stack(operator):
    before, _, _ = PAGE.partition("\n## ")

    _, described = operator.follow(before)

    assert operator.feed.queue_url in described


def test_dead_letters_are_found_out_about_mended_and_replayed(operator):
    wrong = [event("mended", itmeId=f"i{n}") for n in range(3)]
    operator.put(*wrong, {"sessionId": "unwanted"}, event("mended", itemId="good"))
    drained(operator.stack)
    rejected = read_dead_letters(operator.stack.clients, operator.feed).rejected
    assert {letter.reason for letter in rejected} == {"unknown_field", "missing_field"}
    eventually_listed(operator, 4)
    listed = operator.run("pstream dead-letters list --reason unknown_field --each --json")
    operator.variables["ID"] = json.loads(listed)["letters"][0]["id"]

    printed = operator.follow(SECTIONS["DeadLetters"])
    drained(operator.stack)

    assert any('"itmeId"' in text and "◀" in text for text in printed)
    assert sorted(operator.stored("mended")) == ["good", "i0", "i1", "i2"]
    assert operator.letters() == 0


def eventually_listed(operator: Operator, count: int) -> None:
    """What another reader has read shows again by itself, when its time is over."""
    until = time.monotonic() + 90
    while operator.letters() < count:
        assert time.monotonic() < until


def test_dead_letters_that_would_expire_are_saved_and_brought_back(operator):
    good = event("saved", itemId="i1")
    body = envelope(operator, good).model_dump_json(by_alias=True)
    operator.stack.clients.queues.send_message(QueueUrl=operator.feed.queue_url, MessageBody=body)

    operator.follow(SECTIONS["DeadLettersExpire"])
    drained(operator.stack)

    assert operator.stored("saved") == ["i1"]
    assert operator.letters() == 0


def envelope(operator: Operator, document: dict[str, object]) -> Envelope:
    """As if Personalize had refused it before a schema was mended."""
    facts = {
        "feed": FEED,
        "stage": "local",
        "reason": "refused",
        "detail": "Personalize refused it.",
        "rejections": [{"reason": "refused", "detail": "Personalize refused it."}],
        "origin": {
            "stream": operator.feed.stream_arn,
            "shard": "shardId-000000000000",
            "sequence": "1",
            "document": 0,
            "arrival": "2026-01-01T00:00:00Z",
        },
        "object": {"bucket": operator.feed.bucket, "key": "rejected/1"},
        "at": "2026-01-01T00:00:00Z",
        "function": "forwarder:1",
    }
    operator.stack.clients.objects.put_object(
        Bucket=operator.feed.bucket, Key="rejected/1", Body=json.dumps(document).encode()
    )
    return Envelope.model_validate(facts)


@pytest.mark.parametrize("alarm", ["Undelivered", "Dropped"])
def test_a_batch_that_was_kept_nowhere_is_read_back_from_the_stream(operator, alarm):
    first, *_, last = operator.put(*(event("lost", itemId=f"i{n}") for n in range(4)))
    drained(operator.stack)
    before = len(operator.stored("lost"))
    template = re.search(r"```json\n(.*?)```", SECTIONS["Undelivered"], re.DOTALL)
    assert template is not None
    operator.variables |= {"SHARD": shard_of(operator, first), "START": first, "END": last}
    (operator.directory / "batch.json").write_text(operator.filled(template[1]))

    printed = operator.follow(SECTIONS["Undelivered"])
    drained(operator.stack)

    assert alarm == "Undelivered" or "#undelivered" in SECTIONS["Dropped"]
    assert "4 records put back" in printed[-1]
    # They were delivered, so that nothing is counted twice.
    assert len(operator.stored("lost")) == before
    assert operator.letters() == 0


def shard_of(operator: Operator, sequence: str) -> str:
    streams = operator.stack.clients.streams
    for shard in streams.list_shards(StreamName=operator.feed.stream)["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamName=operator.feed.stream,
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        found = streams.get_records(ShardIterator=iterator)["Records"]
        if sequence in {record["SequenceNumber"] for record in found}:
            return shard["ShardId"]
    raise AssertionError(sequence)


@pytest.mark.parametrize("alarm", ["Late", "Errors", "Throttles", "Misconfigured", "Unkept"])
def test_every_command_of_the_other_sections_runs(operator, alarm):
    assert operator.follow(SECTIONS[alarm])


def test_a_mapping_that_was_disabled_is_enabled_again(operator):
    operator.variables["MAPPING"] = mapping = operator.stack.feeds["users"].mapping
    functions = operator.stack.clients.functions

    operator.follow(SECTIONS["Unread"])

    try:
        assert functions.get_event_source_mapping(UUID=mapping)["State"] in {"Enabled", "Enabling"}
    finally:
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
