"""What operators and scripts are told: times, counts, audit lines, missing rights."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import typer
from botocore.exceptions import ClientError, NoCredentialsError
from dead_letter_world import NOW, World, rejections

from pstream.dead_letters import audit, listing
from pstream.dead_letters.options import moment
from pstream.dead_letters.through import BadProgram, through
from pstream.rights import RIGHTS, explain
from replayer.selection import Selection


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("2d", NOW - timedelta(days=2)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T22:00+01:00", datetime(2026, 11, 21, 21, tzinfo=UTC)),
    ],
)
def test_a_time_is_absolute_or_so_long_ago(text, found):
    assert moment(text, NOW) == found


@pytest.mark.parametrize("text", ["yesterday", "5", "5w", ""])
def test_any_other_time_is_refused_with_what_is_wanted(text):
    with pytest.raises(typer.BadParameter, match="wants"):
        moment(text, NOW)


def test_groups_count_by_feed_reason_field_and_day_the_oldest_first():
    world = World()
    world.tell({"Service": "Amazon S3", "Event": "s3:TestEvent"}, sent=NOW - timedelta(days=3))
    for _ in range(2):
        world.reject(*rejections(world, world.arrive({"sessionId": "s"})))

    groups = listing.group(world.letters())

    assert [(each.reason, each.field, each.count) for each in groups] == [
        ("test", None, 1),
        ("missing_field", "eventType", 2),
    ]
    assert listing.as_json(groups)[1]["day"] == "2026-11-21"


def test_an_audit_line_says_who_did_what_to_which_and_how_many():
    act = audit.Act(
        act="replay",
        stage="live",
        feeds=("events",),
        who="arn:aws:iam::1:user/ann",
        selection=Selection(reasons=frozenset({"refused"}), since=NOW),
        options={"edits": 1},
    )

    found = json.loads(audit.line(act, {"records": 3}, "done", NOW))

    assert found == {
        "audit": "dead-letters replay",
        "at": "2026-11-21T22:00:00+00:00",
        "who": "arn:aws:iam::1:user/ann",
        "stage": "live",
        "feeds": ["events"],
        "filter": {"reasons": ["refused"], "since": "2026-11-21T22:00:00+00:00"},
        "options": {"edits": 1},
        "counts": {"records": 3},
        "outcome": "done",
    }


@pytest.mark.parametrize(("operation", "right"), RIGHTS.items())
def test_a_right_that_is_missing_is_named(operation, right):
    error = ClientError({"Error": {"Code": "AccessDeniedException"}}, operation)

    assert f"You lack the right {right}" in explain(error)


def test_a_missing_right_to_the_key_is_told_from_one_to_the_queue():
    error = ClientError({"Error": {"Code": "KMS.AccessDeniedException"}}, "ReceiveMessage")

    assert "kms:Decrypt" in explain(error)


def test_other_errors_are_told_as_they_are():
    error = ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": "Gone."}}, "SendMessage")

    assert explain(error) == "SendMessage failed: QueueDoesNotExist: Gone."
    assert "AWS_PROFILE" in explain(NoCredentialsError())


def test_a_program_gets_each_document_as_a_line_and_gives_as_many():
    assert through("cat")([b'{"a":1}', b"text"]) == [b'{"a":1}', b"text"]
    assert through("no-such-program")([]) == []


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("", "got nothing"),
        ("false", "ended with 1"),
        ("no-such-program", "cannot start"),
        ("head -n 1", "gave 1 lines for 2 documents"),
    ],
)
def test_a_program_that_does_not_is_refused(command, why):
    with pytest.raises(BadProgram, match=why):
        through(command)([b"1", b"2"])
