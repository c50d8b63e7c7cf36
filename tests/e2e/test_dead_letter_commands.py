"""An operator's worst day, with real queues, buckets and streams on an emulator."""

import dataclasses
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from builders import TARGETS, document_of
from dead_letter_world import World, rejections
from operator_stage import OperatorStage
from small_stage import SmallStage
from worst_day import SENT, misspelt, worst_day

from forwarder.outcomes import Document, Reason, Record, Rejected
from forwarder.records import unpack
from local.emulator import Emulator

MENDING = ("--rename", "itmeId=itemId")
PATIENCE = 400.0
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(hours=2)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture(scope="module")
def names() -> Iterator[int]:
    return count()


@pytest.fixture
def stage(emulator, names, monkeypatch, tmp_path) -> OperatorStage:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
    small = SmallStage(emulator.url, name=f"day{next(names)}")
    small.deploy()
    opened = OperatorStage(small)
    opened.directory = tmp_path
    return opened


def refuse(world: World, record: Record) -> None:
    (document,) = unpack(record)
    assert isinstance(document, Document)
    world.reject(Rejected(document, None, Reason.REFUSED, None, "Personalize refused it."))


def event_ids(records: list[Record]) -> list[str]:
    found = []
    for record in records:
        for document in unpack(record):
            assert isinstance(document, Document)
            content = json.loads(document.data)
            found += [content["eventId"]] if "eventId" in content else []
    return found


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(1.0)  # looking reads the whole stream, and slows down what is looked at


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_ten_thousand_dead_letters_of_all_forms_are_listed_mended_and_replayed(stage):
    _, wanted = worst_day(stage)

    before = processor_seconds()
    listed = stage.run("list", "--json")
    # The emulator and its neighbours share the machine: what counts is what the command needs.
    assert processor_seconds() - before < 20
    assert listed.json["deadLetters"] == 10_000
    counts: Counter[str] = Counter()
    for group in listed.json["groups"]:
        counts[group["reason"]] += group["count"]
    assert counts == {"unknown_field": 9020, "abandoned": 975, "test": 1, "unreadable": 4}

    planned = stage.run("replay", *MENDING, "--dry-run", "--json")
    (plan,) = planned.json["feeds"].values()
    assert (plan["leaving"], plan["staying"], plan["records"]) == (9975, 24, 10_950)
    assert stage.run("list", "--json").json["deadLetters"] == 10_000

    killed = stage.start("replay", *MENDING, "--yes", "--rate", "1500", "--hold", "20")
    eventually(lambda: len(stage.stream("events")) > 4000)
    killed.kill()
    killed.wait()
    time.sleep(21)
    half = len(stage.stream("events"))
    assert half < 10_950

    again = stage.run("replay", *MENDING, "--yes", "--rate", "20000", "--json")
    assert again.code == 1
    assert {stay["why"].split(":")[0] for stay in again.json["feeds"]["events"]["stays"]} == {
        "fails again",
        "The message is not JSON.",
    }
    found = event_ids(stage.stream("events"))
    assert set(found) == wanted
    # What the killed run put and had not deleted yet went twice, and counts once.
    assert len(found) - len(wanted) <= 500
    assert stage.run("list", "--json").json["deadLetters"] == 25


def test_a_stale_item_is_refused_and_put_back_by_force_only(stage):
    world = stage.world("items")
    old = document_of("items", properties='{"price": 1}')
    new = document_of("items", properties='{"price": 2}')
    (first, _) = stage.put("items", [(old, "i1"), (new, "i1")])
    refuse(world, first)
    stage.fill(world)

    refused = stage.run("replay", "--yes", "--json")
    assert refused.code == 1
    assert refused.json["feeds"]["items"]["entries"]["stale"] == 1
    assert len(stage.stream("items")) == 2

    assert stage.run("purge", "--stale", said="n\n").code == 1
    forced = stage.run("replay", "--yes", "--force", "--json")
    assert forced.code == 0
    assert json.loads(document_data(stage.stream("items")[-1])) == old


def document_data(record: Record) -> bytes:
    (document,) = unpack(record)
    assert isinstance(document, Document)
    return document.data


def test_what_nobody_can_verify_is_asked_about_and_yes_is_no_answer(stage):
    world = stage.world("items")
    # The stream is younger than this: nobody knows what came in between.
    refuse(world, world.arrive(document_of("items"), at=LONG_AGO, key="i1"))
    stage.fill(world)

    assert stage.run("replay", "--yes").code == 1
    assert stage.stream("items") == []
    declined = stage.run("replay", said="n\nn\n")
    assert "no longer reaches back" in declined.out
    assert declined.code == 1

    agreed = stage.run("replay", said="y\ny\n")
    assert agreed.code == 0
    assert len(stage.stream("items")) == 1


def test_an_expired_range_is_said_to_be_expired_and_kept(stage):
    world = stage.world("events")
    records = [world.arrive(misspelt(n), at=LONG_AGO, sequence=n) for n in range(3)]
    world.tell(world.pointer(records))
    stage.fill(world)

    replayed = stage.run("replay", "--yes")

    assert replayed.code == 1
    assert "Expired: the stream holds none of the 3 records any more." in replayed.out
    assert stage.run("list", "--json").json["deadLetters"] == 1


def test_what_is_purged_can_be_imported_again(stage, tmp_path):
    world = stage.world("events")
    for number in range(3):
        record = world.arrive(misspelt(number), at=LONG_AGO)
        world.reject(*rejections(world, record))
    world.abandon([world.arrive(document_of("events", sentAt=SENT), at=LONG_AGO) for _ in range(2)])
    world.tell("{ not a dead letter")
    stage.fill(world)
    file = tmp_path / "purged.ndjson"

    purged = stage.run("purge", "--all", "--yes", "--export", str(file), "--json")
    assert purged.json["deleted"] == 4
    assert purged.code == 1
    assert [each["reason"] for each in listed(stage)] == ["unreadable"]

    file.write_text(file.read_text().replace("itmeId", "itemId"))
    imported = stage.run("import", str(file), "--yes", "--json")
    assert imported.code == 0
    assert len(set(event_ids(stage.stream("events")))) == 5


def listed(stage: OperatorStage):
    return stage.run("list", "--each", "--json").json["letters"]


def test_an_export_that_was_mended_offline_replaces_what_the_queue_holds(stage, tmp_path):
    world = stage.world("events")
    for number in range(4):
        record = world.arrive(misspelt(number), at=LONG_AGO)
        world.reject(*rejections(world, record))
    stage.fill(world)
    file = tmp_path / "offline.ndjson"

    exported = stage.run("export", str(file), "--limit", "3")
    assert exported.code == 0
    assert exported.audit["counts"] == {"letters": 3, "lines": 3}
    mended = [json.loads(line) for line in file.read_text().splitlines()]
    for line in mended:
        line["document"]["itemId"] = line["document"].pop("itmeId")
    file.write_text("".join(json.dumps(line) + "\n" for line in mended))
    imported = stage.run("import", str(file), "--yes", "--json")

    assert imported.code == 0
    assert len(listed(stage)) == 1
    assert len(event_ids(stage.stream("events"))) == 3


def test_a_program_mends_and_one_that_fails_changes_nothing(stage):
    world = stage.world("events")
    world.reject(*rejections(world, world.arrive(misspelt(1), at=LONG_AGO)))
    stage.fill(world)

    for program, complaint in (("false", "ended with 1"), ("nowhere-to-be-found", "cannot start")):
        failed = stage.run("replay", "--yes", "--through", program)
        assert failed.code == 2
        assert complaint in failed.err
    assert stage.stream("events") == []

    assert stage.run("replay", "--yes", "--through", "sed s/itmeId/itemId/").code == 0
    assert len(stage.stream("events")) == 1


def test_show_marks_the_field_and_takes_the_beginning_of_an_id(stage):
    world = stage.world("events")
    world.reject(*rejections(world, world.arrive(misspelt(1), at=LONG_AGO)))
    stage.fill(world)
    (letter,) = listed(stage)

    shown = stage.run("show", letter["id"][:6])

    (marked,) = [line for line in shown.out.splitlines() if "◀" in line]
    assert '"itmeId": "i1"' in marked
    assert "unknown_field" in marked
    assert stage.run("show", "zzz").code == 2


def test_the_test_message_of_a_bucket_is_purged_by_its_reason(stage):
    world = stage.world("events")
    world.tell({"Service": "Amazon S3", "Event": "s3:TestEvent"})
    stage.fill(world)

    assert stage.run("replay", "--yes").code == 0
    assert stage.run("purge", "--reason", "test", "--yes").code == 0
    assert listed(stage) == []


def test_every_act_leaves_a_line_of_who_did_what_to_how_many_and_no_payload(stage, tmp_path):
    world = stage.world("events")
    world.reject(*rejections(world, world.arrive(misspelt(1), at=LONG_AGO)))
    stage.fill(world)
    log = tmp_path / "audit.log"

    stage.run("replay", "--yes", *MENDING, "--set", "itemId=canary", "--audit-log", str(log))

    (line,) = log.read_text().splitlines()
    found = json.loads(line)
    assert found["who"].startswith("arn:aws:")
    assert found["counts"]["events"]["done"]["records"] == 1
    assert "canary" not in line


def test_a_stage_that_is_not_there_is_named_with_where_it_was_looked_for(stage):
    stage.small.name = "nowhere"

    looked = stage.run("list")

    assert looked.code == 2
    assert "personalize-stream-nowhere" in looked.err
    assert "region us-east-1" in looked.err


def test_a_feed_that_the_stage_does_not_have_is_named_with_those_it_has(stage):
    looked = stage.run("list", "--feed", "users")

    assert looked.code == 2
    assert "events, items" in looked.err


def test_messages_held_by_another_are_counted(stage):
    world = stage.world("events")
    world.reject(*rejections(world, world.arrive(misspelt(1), at=NOW)))
    stage.fill(world)
    url = stage.small.output("events", "QueueUrl")
    stage.small.sqs.receive_message(QueueUrl=url, VisibilityTimeout=60)

    assert stage.run("list", "--json").json == {
        "stage": stage.small.name,
        "deadLetters": 0,
        "heldElsewhere": 1,
        "groups": [],
    }


def test_what_is_stale_is_purged_and_what_is_not_stays(stage, tmp_path):
    world = stage.world("items")
    states = [document_of("items", itemId=name, properties=f'{{"v": {v}}}') for name, v in STATES]
    first, other, *_ = stage.put("items", [(state, "k") for state in states])
    refuse(world, first)
    refuse(world, other)
    stage.fill(world)
    file = tmp_path / "stale.ndjson"

    purged = stage.run("purge", "--stale", "--yes", "--export", str(file))

    assert purged.code == 0
    assert len(file.read_text().splitlines()) == 1
    assert len(listed(stage)) == 1


STATES = (("a", 1), ("b", 1), ("a", 2))

INVOKE = """
import json, sys
from replayer.handler import handle

class Context:
    function_name = "replayer"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:replayer"
    aws_request_id = "1"
    get_remaining_time_in_millis = staticmethod(lambda: 900_000)

print(json.dumps(handle(json.loads(sys.argv[1]), Context())))
"""


def test_the_function_replays_as_the_command_does(stage):
    world = stage.world("events")
    for number in range(3):
        record = world.arrive(misspelt(number), at=LONG_AGO)
        world.reject(*rejections(world, record))
    stage.fill(world)
    site = dataclasses.asdict(stage.site("events", target=TARGETS["trackingId"]))

    def invoke(request: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", INVOKE, json.dumps(request)],
            env={**stage.environment, "SITES": json.dumps([site])},
            capture_output=True,
            text=True,
            check=False,
        )

    done = invoke({"edits": {"rename": ["itmeId=itemId"]}, "filter": {"limit": 2}})
    *logged, answer = done.stdout.splitlines()

    found = json.loads(answer)
    assert found["feeds"]["events"]["done"]["letters"] == 2
    assert found["resumes"] is False
    assert len(listed(stage)) == 1
    assert "s1" not in "".join(logged)
    refused = invoke({"edits": {"set": ["canary"]}})
    assert refused.returncode != 0
    assert "edits: wants" in refused.stderr
    assert "got 'canary'" not in refused.stderr + refused.stdout
