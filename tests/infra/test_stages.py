"""A stage file is right, or every problem in it is said: file, key, value, what is wanted."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from stacks import ROOT, SMALLEST, Write

from forwarder.destinations import DESTINATIONS
from infra import stages
from infra.config import Alarms, Stage
from infra.feed_config import FeedConfig
from infra.problems import StageError
from infra.tables import Table

ITEMS = """
[feeds.items]
target = "arn:aws:personalize:eu-west-1:111122223333:dataset/shop/ITEMS"
stream = { mode = "provisioned", shards = 1 }
"""
STREAM = 'stream = { mode = "provisioned", shards = 1 }'


def problems(path: Path) -> list[str]:
    with pytest.raises(StageError) as caught:
        stages.read(path)
    return str(caught.value).splitlines()


def test_the_smallest_stage_needs_a_target_and_a_stream(write: Write) -> None:
    stage = stages.read(write(SMALLEST))

    feed = stage.feeds["events"]
    assert (stage.name, feed.name, feed.batch_size) == ("prod", "events", 1000)
    assert feed.record_age_seconds < feed.stream.retention_hours * 3600


@pytest.mark.parametrize("name", DESTINATIONS)
def test_the_quota_is_the_operations_own_unless_the_stage_says_otherwise(
    write: Write, name: str
) -> None:
    destination = DESTINATIONS[name]
    target = (
        "a-tracker"
        if destination.target == "trackingId"
        else f"arn:aws:personalize:eu-west-1:111122223333:dataset/shop/{name.upper()}"
    )
    feed = SMALLEST.replace("feeds.events", f"feeds.{name}").replace(
        "5d4f2a3e-0000-0000-0000-000000000000", target
    )

    assert stages.read(write(feed)).feeds[name].pacing.calls_per_second == (
        destination.calls_per_second
    )
    assert stages.read(write(f"{feed}calls_per_second = 50")).feeds[name].pacing == (
        stages.read(write(f"{feed}calls_per_second = 50.0")).feeds[name].pacing
    )


WRONG = {
    "an unknown key is not ignored": (
        SMALLEST + "bach_size = 5",
        'feeds.events.bach_size: got an unknown key, wants "batch_size" perhaps',
    ),
    "an unknown key of the stage": (
        "acount = 1" + SMALLEST,
        'acount: got an unknown key, wants "account" perhaps; known here: account, region',
    ),
    "an unknown key of a stream": (
        SMALLEST.replace("shards = 1", "shards = 1, expected_shards = 2"),
        "feeds.events.stream.expected_shards: got an unknown key, wants known here: mode, shards",
    ),
    "an unknown feed": (
        SMALLEST + ITEMS.replace("items]", "itms]"),
        'feeds.itms: got an unknown feed, wants "items" perhaps; known here: events, items',
    ),
    "a name that the file already has": (
        SMALLEST + 'name = "clicks"',
        "feeds.events.name: got an unknown key",
    ),
    "a missing account": (
        SMALLEST.replace('account = "111122223333"', ""),
        "account: got nothing, wants the AWS account, twelve digits in quotes",
    ),
    "an account without quotes": (
        SMALLEST.replace('"111122223333"', "111122223333"),
        "account: got a number (111122223333), wants the AWS account, twelve digits in quotes",
    ),
    "a feed without a target": (
        SMALLEST.replace("target", "# target"),
        "feeds.events.target: got nothing, wants where the entries go",
    ),
    "no feed at all": (
        SMALLEST.split("[feeds", maxsplit=1)[0],
        "feeds: got nothing, wants at least one feed: events, items",
    ),
    "a feed that is no table": (
        SMALLEST.split("[feeds", maxsplit=1)[0] + 'feeds = "events"',
        'feeds: got text (string "events"), wants at least one feed',
    ),
    "a tracking id where a dataset is needed": (
        SMALLEST
        + ITEMS.replace("arn:aws:personalize:eu-west-1:111122223333:dataset/shop/ITEMS", "5d4f"),
        (
            'feeds.items.target: got a tracking id (string "5d4f"), wants a dataset ARN such as '
            "arn:aws:personalize:eu-west-1:111122223333:dataset/<group>/ITEMS"
        ),
    ),
    "another dataset's ARN": (
        SMALLEST + ITEMS.replace("/ITEMS", "/USERS"),
        "feeds.items.target: got the ARN of an USERS dataset (string",
    ),
    "a dataset of another account": (
        SMALLEST + ITEMS.replace("111122223333", "999999999999"),
        "feeds.items.target: got the ARN of an ITEMS dataset (string",
    ),
    "a dataset of another region": (
        SMALLEST + ITEMS.replace("eu-west-1", "us-east-1"),
        "wants a dataset ARN such as arn:aws:personalize:eu-west-1:111122223333",
    ),
    "an event tracker's ARN where its tracking id is needed": (
        SMALLEST.replace(
            "5d4f2a3e-0000-0000-0000-000000000000",
            "arn:aws:personalize:eu-west-1:111122223333:event-tracker/ab12",
        ),
        "feeds.events.target: got the ARN of another kind (personalize, event-tracker)",
    ),
    "a stream both new and existing": (
        SMALLEST.replace("shards = 1", 'shards = 1, arn = "arn:aws:kinesis:…"'),
        "feeds.events.stream: got a table (keys: mode, shards, arn), wants either { arn =",
    ),
    "a stream neither new nor existing": (
        SMALLEST.replace('mode = "provisioned", ', ""),
        "feeds.events.stream: got a table (keys: shards), wants either { arn =",
    ),
    "a stream mode that does not exist": (
        SMALLEST.replace('"provisioned"', '"serverless"'),
        "feeds.events.stream: got a table (keys: mode, shards), wants either { arn =",
    ),
    "a provisioned stream without shards": (
        SMALLEST.replace(", shards = 1", ""),
        "feeds.events.stream.shards: got nothing, wants the number of shards",
    ),
    "an existing stream of another kind": (
        SMALLEST.replace(STREAM, 'stream = { arn = "arn:aws:sqs:eu-west-1:111122223333:queue" }'),
        "feeds.events.stream.arn: got the ARN of another kind (sqs, queue)",
    ),
    "an existing stream of another region": (
        SMALLEST.replace(
            STREAM, 'stream = { arn = "arn:aws:kinesis:us-east-1:111122223333:stream/clicks" }'
        ),
        "wants an ARN such as arn:aws:kinesis:eu-west-1:111122223333:stream/<name>",
    ),
    "a retention shorter than Kinesis allows": (
        SMALLEST.replace("shards = 1", "shards = 1, retention_hours = 12"),
        "feeds.events.stream.retention_hours: got a number (12), wants the hours a record stays",
    ),
    "a record age as long as the retention": (
        SMALLEST + "record_age_seconds = 86400",
        (
            "feeds.events.record_age_seconds: got a number (86400), wants at most 82800: "
            "the stream forgets a record after 24 h (stream.retention_hours)"
        ),
    ),
    "a record age below a minute": (
        SMALLEST + "record_age_seconds = 59",
        "feeds.events.record_age_seconds: got a number (59), wants the age at which",
    ),
    "a batch of none": (
        SMALLEST + "batch_size = 0",
        "feeds.events.batch_size: got a number (0), wants the most records an invocation gets",
    ),
    "a batch that the quota cannot deliver in time": (
        SMALLEST + "calls_per_second = 5",
        (
            "feeds.events.batch_size: got a number (1000), wants at most 480: an invocation has 5 "
            "calls a second and 120 s (timeout_seconds)"
        ),
    ),
    "retries without an end": (
        SMALLEST + "retry_attempts = -1",
        "feeds.events.retry_attempts: got a number (-1), wants how often",
    ),
    "a number in quotes": (
        SMALLEST + 'parallelization_factor = "2"',
        'feeds.events.parallelization_factor: got text (string "2"), wants how many batches',
    ),
    "a boolean for a number": (
        SMALLEST + "memory_mb = true",
        "feeds.events.memory_mb: got a boolean (true), wants the function's memory",
    ),
    "a window of ten minutes": (
        SMALLEST + "batching_window_seconds = 600",
        "feeds.events.batching_window_seconds: got a number (600), wants how long to wait",
    ),
    "an endpoint without TLS": (
        'personalize_endpoint = "http://example.com"' + SMALLEST,
        "personalize_endpoint: got a URL (string",
    ),
    "a log retention CloudWatch does not know": (
        "log_retention_days = 10" + SMALLEST,
        "log_retention_days: got a number (10), wants one of 1, 3, 5",
    ),
    "a mail address that is none": (
        SMALLEST + '[alarms]\nemails = ["nobody"]',
        'alarms.emails: got text (string "nobody"), wants addresses such as',
    ),
    "a topic that is none": (
        SMALLEST + '[alarms]\ntopic_arn = "arn:aws:sqs:eu-west-1:111122223333:queue"',
        "alarms.topic_arn: got the ARN of another kind (sqs, queue)",
    ),
    "a topic beside addresses that it would not mail to": (
        SMALLEST
        + '[alarms]\nemails = ["a@example.com"]\n'
        + 'topic_arn = "arn:aws:sns:eu-west-1:111122223333:on-call"',
        "wants either a topic or emails",
    ),
    "a removal that is neither": (
        'removal = "snapshot"' + SMALLEST,
        'removal: got text (string "snapshot"), wants "retain" or "destroy"',
    ),
    "no TOML": ("account = ", "is not TOML: "),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_stage_file_says_file_key_value_and_what_is_wanted(
    write: Write, text: str, says: str
) -> None:
    found = problems(write(text))

    assert len(found) == 1, found
    assert found[0].startswith("stages/prod.toml: ")
    assert says in found[0]


def test_all_problems_are_said_at_once(write: Write) -> None:
    found = problems(
        write(
            SMALLEST.replace("eu-west-1", "Ireland").replace(STREAM, "")
            + "batch_size = 0\n"
            + ITEMS.replace("/ITEMS", "/USERS")
            + "record_age_seconds = 604800\nretries = 5"
        )
    )

    assert [line.split(": ")[1] for line in found] == [
        "region",
        "feeds.events.stream",
        "feeds.events.batch_size",
        "feeds.items.target",
        "feeds.items.record_age_seconds",
        "feeds.items.retries",
    ]


@pytest.mark.parametrize("name", [None, "production"])
def test_an_unknown_stage_is_answered_with_the_stages_that_exist(write: Write, name: str) -> None:
    directory = write(SMALLEST).parent

    with pytest.raises(StageError, match=r"wants one of the files in stages/: prod$"):
        stages.choose(name, directory=directory)


def test_the_endpoint_given_on_the_command_line_wins(write: Write) -> None:
    directory = write('personalize_endpoint = "https://a.example"' + SMALLEST).parent

    stage = stages.choose("prod", directory=directory, endpoint="http://127.0.0.1:5000")

    assert stage.personalize_endpoint == "http://127.0.0.1:5000"


def test_a_stage_never_changes_after_it_was_read(write: Write) -> None:
    stage = stages.read(write(SMALLEST))

    with pytest.raises(ValueError, match="frozen"):
        stage.region = "us-east-1"  # type: ignore[misc] # what the test is about


def keys_of(table: type[Table]) -> set[str]:
    return set(table.model_fields) - {stages.GIVEN}


def test_the_example_shows_every_key_there_is() -> None:
    text = (ROOT / "stages" / "example.toml").read_text(encoding="utf-8")

    for table in stages.TABLES:
        assert {key for key in keys_of(table) if key not in text} == set()


def test_every_key_says_what_it_wants() -> None:
    for table in stages.TABLES:
        assert keys_of(table) <= set(stages.WANTED)


def test_the_defaults_that_the_example_names_are_the_defaults() -> None:
    """`key = value  # default value` in the example is what leaving the key out means."""
    text = (ROOT / "stages" / "example.toml").read_text(encoding="utf-8")
    named: dict[str, str] = {}
    for line in text.splitlines():
        setting, _, comment = line.partition("# default ")
        if comment and "=" in setting:
            named[setting.partition("=")[0].strip()] = comment.split(":")[0].split(" ")[0]
    defaults: dict[str, object] = {}
    for table in (Stage, Alarms, FeedConfig):
        defaults |= {key: field.default for key, field in table.model_fields.items()}

    checked = {key: value for key, value in named.items() if value not in {"none", "by"}}
    assert {key: _value(text) for key, text in checked.items()} == {
        key: defaults[key] for key in checked
    }
    assert len(checked) >= 15


def _value(text: str) -> object:
    found: Mapping[str, object] = tomllib.loads(f"it = {text.rstrip(';,')}")
    return found["it"]
