"""The stack says what is meant: who may do what, what is kept, and what wakes somebody up."""

import json
from pathlib import Path
from typing import Any

import pytest
from stacks import ROOT, SMALLEST, Resource, Synthesized, Write, synthesize

from forwarder.destinations import DESTINATIONS
from forwarder.metrics import Metric
from forwarder.settings import Settings, read_settings
from infra import stages
from infra.alarms import ALARMS
from infra.failure_storage import BUCKET_DAYS, QUEUE_DAYS
from infra.feed import pascal

FEEDS = [pascal(name) for name in DESTINATIONS]
FUNCTION, MAPPING = "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"
ALARM, BUCKET, QUEUE = "AWS::CloudWatch::Alarm", "AWS::S3::Bucket", "AWS::SQS::Queue"
STREAM, KEY = "AWS::Kinesis::Stream", "AWS::KMS::Key"
LASTING = (STREAM, BUCKET, QUEUE, KEY, "AWS::Logs::LogGroup")

# `Events` begins no other feed's name, but `Actions` and `ActionInteractions` share a beginning:
# logical ids are the feed's name and then a construct's, so no id of one begins with the other.


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(statements: list[Resource], prefix: str) -> set[str]:
    return {
        action
        for statement in statements
        for action in as_list(statement["Action"])
        if action.startswith(prefix)
    }


def statement(example: Synthesized, feed: str, sid: str) -> Resource:
    (found,) = (s for s in example.statements(feed) if s.get("Sid") == sid)
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "stages").glob("*.toml")), ids=lambda p: p.stem)
def test_every_stage_file_can_be_synthesized(path: Path) -> None:
    stage = stages.read(path)

    found = synthesize(stage)

    assert len(found.of_type(FUNCTION)) == len(stage.feeds)


def test_only_the_feeds_that_the_stage_configures_are_deployed(write: Write) -> None:
    found = synthesize(stages.read(write(SMALLEST)))

    assert [feed.config.name for feed in found.stack.feeds] == ["events"]
    assert len(found.of_type(STREAM)) == len(found.of_type(FUNCTION)) == 1


def test_no_function_is_deployed_besides_the_forwarders(example: Synthesized) -> None:
    """CDK's custom resources would be functions with rights of their own."""
    handlers = {f["Properties"]["Handler"] for f in example.of_type(FUNCTION).values()}

    assert handlers == {"forwarder.handler.handle"}
    assert len(example.of_type(FUNCTION)) == len(FEEDS)


# --- what a function may do


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_feed_may_call_its_own_operation_and_no_other(example: Synthesized, name: str) -> None:
    deliver = statement(example, pascal(name), "Deliver")
    destination = DESTINATIONS[name]

    assert actions(example.statements(pascal(name)), "personalize:") == {
        f"personalize:{destination.action}"
    }
    assert deliver["Resource"] == (
        example.stage.feeds[name].target if destination.target == "datasetArn" else "*"
    )


@pytest.mark.parametrize("feed", FEEDS)
def test_no_function_can_read_or_delete_dead_letters(example: Synthesized, feed: str) -> None:
    statements = example.statements(feed)

    assert actions(statements, "sqs:") == {"sqs:SendMessage"}
    assert actions(statements, "s3:") == {"s3:PutObject", "s3:ListBucket"}


@pytest.mark.parametrize("feed", FEEDS)
def test_a_function_puts_into_its_own_bucket_under_two_prefixes(
    example: Synthesized, feed: str
) -> None:
    (bucket,) = example.of_type(BUCKET, feed)
    puts = [s for s in example.statements(feed) if "s3:PutObject" in as_list(s["Action"])]

    assert [p["Resource"]["Fn::Join"][1] for p in puts] == [
        [{"Fn::GetAtt": [bucket, "Arn"]}, "/rejected/*"],
        [{"Fn::GetAtt": [bucket, "Arn"]}, "/aws/lambda/*"],
    ]


@pytest.mark.parametrize("feed", FEEDS)
def test_no_bucket_of_another_account_gets_records(example: Synthesized, feed: str) -> None:
    for found in example.statements(feed):
        if actions([found], "s3:"):
            assert found["Condition"] == {
                "StringEquals": {"s3:ResourceAccount": example.stage.account}
            }


@pytest.mark.parametrize("feed", FEEDS)
def test_a_function_names_only_resources_of_its_own_feed(example: Synthesized, feed: str) -> None:
    shared = set(example.of_type(KEY))
    for found in example.statements(feed):
        text = json.dumps(found["Resource"])
        named = [name for name in example.template["Resources"] if f'"{name}"' in text]
        assert all(name.startswith(feed) or name in shared for name in named), found


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_wildcard_stands_only_where_aws_knows_no_resource(
    example: Synthesized, name: str
) -> None:
    anywhere = [s for s in example.statements(pascal(name)) if s["Resource"] == "*"]
    wild = {action for s in anywhere for action in as_list(s["Action"])}
    tracing = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    unscoped = {"personalize:PutEvents", "personalize:PutActionInteractions"}

    assert wild - unscoped == tracing
    assert not [
        a for s in example.statements(pascal(name)) for a in as_list(s["Action"]) if "*" in a
    ]


@pytest.mark.parametrize("feed", FEEDS)
def test_the_key_serves_a_function_only_through_the_services_it_uses(
    example: Synthesized, feed: str
) -> None:
    uses = [s for s in example.statements(feed) if actions([s], "kms:")]
    (stream,) = example.of_type(STREAM, feed)

    assert [as_list(s["Condition"]["StringEquals"]["kms:ViaService"]) for s in uses] == [
        ["kinesis.eu-west-1.amazonaws.com"],
        ["s3.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"],
    ]
    assert uses[0]["Condition"]["StringEquals"]["kms:EncryptionContext:aws:kinesis:arn"] == {
        "Fn::GetAtt": [stream, "Arn"]
    }


# --- the function and its mapping


@pytest.mark.parametrize("name", DESTINATIONS)
def test_the_forwarder_accepts_the_environment_it_is_deployed_with(
    example: Synthesized, name: str
) -> None:
    function = example.one(FUNCTION, pascal(name))
    variables = function["Properties"]["Environment"]["Variables"]

    settings = read_settings({key: str(value) for key, value in variables.items()})

    assert {key.upper() for key in Settings.model_fields} <= set(variables)
    assert (settings.feed.name, settings.target) == (name, example.stage.feeds[name].target)
    assert settings.calls_per_second == example.stage.feeds[name].pacing.calls_per_second


def test_functions_are_traced_and_log_to_a_group_with_an_end(example: Synthesized) -> None:
    for function in example.of_type(FUNCTION).values():
        properties = function["Properties"]
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert properties["Architectures"] == ["arm64"]
        assert properties["Runtime"] == "python3.14"
        group = example.template["Resources"][properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Properties"]["RetentionInDays"] == example.stage.log_retention_days


@pytest.mark.parametrize(
    ("feed", "reserved"),
    [("Events", None), ("Items", 1), ("Users", 1), ("Actions", 4), ("ActionInteractions", None)],
)
def test_concurrency_is_reserved_where_the_quota_is_small(
    example: Synthesized, feed: str, reserved: int | None
) -> None:
    function = example.one(FUNCTION, feed)

    assert function["Properties"].get("ReservedConcurrentExecutions") == reserved


@pytest.mark.parametrize("feed", FEEDS)
def test_a_mapping_gives_up_in_time_and_keeps_what_it_gives_up(
    example: Synthesized, feed: str
) -> None:
    mapping = example.one(MAPPING, feed)["Properties"]
    (bucket,) = example.of_type(BUCKET, feed)
    stream = example.one(STREAM, feed)["Properties"]

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert 0 <= mapping["MaximumRetryAttempts"] <= 10_000
    assert 60 <= mapping["MaximumRecordAgeInSeconds"] < stream["RetentionPeriodHours"] * 3600
    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}
    assert mapping["DestinationConfig"] == {
        "OnFailure": {"Destination": {"Fn::GetAtt": [bucket, "Arn"]}}
    }
    assert "FilterCriteria" not in mapping  # a filter drops what is not JSON, silently


def test_a_mapping_waits_until_its_function_may_read_the_stream(example: Synthesized) -> None:
    for feed in FEEDS:
        (policy,) = example.of_type("AWS::IAM::Policy", feed)
        assert policy in example.one(FUNCTION, feed)["DependsOn"]


def test_an_existing_stream_is_read_and_decrypted_but_not_deployed(write: Write) -> None:
    arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/clicks"
    key = "arn:aws:kms:eu-west-1:111122223333:key/1234"
    stream = f'{{ arn = "{arn}", key_arn = "{key}", expected_shards = 8 }}'
    found = synthesize(
        stages.read(write(SMALLEST.replace('{ mode = "provisioned", shards = 1 }', stream)))
    )

    assert found.of_type(STREAM) == {}
    assert found.one(MAPPING, "Events")["Properties"]["EventSourceArn"] == arn
    assert statement(found, "Events", "ReadStream")["Resource"] == arn
    assert statement(found, "Events", "DecryptStream")["Resource"] == key
    assert found.template["Outputs"]["EventsStreamName"]["Value"] == "clicks"


# --- what is kept


@pytest.mark.parametrize("feed", FEEDS)
def test_abandoned_batches_are_announced_in_the_feeds_queue(
    example: Synthesized, feed: str
) -> None:
    bucket, (queue,) = example.one(BUCKET, feed), example.of_type(QUEUE, feed)
    (policy,) = example.of_type("AWS::SQS::QueuePolicy", feed)

    assert bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"] == [
        {
            "Event": "s3:ObjectCreated:*",
            "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "aws/lambda/"}]}},
            "Queue": {"Fn::GetAtt": [queue, "Arn"]},
        }
    ]
    assert policy in bucket["DependsOn"]  # S3 tries the queue while the bucket is created


def test_dead_letters_stay_as_long_as_sqs_can_and_their_bytes_longer(example: Synthesized) -> None:
    for queue in example.of_type(QUEUE).values():
        assert queue["Properties"]["MessageRetentionPeriod"] == QUEUE_DAYS * 86_400 == 1_209_600
    for bucket in example.of_type(BUCKET).values():
        (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        assert rule["ExpirationInDays"] == BUCKET_DAYS > QUEUE_DAYS


def test_everything_at_rest_is_encrypted_with_the_stages_key(example: Synthesized) -> None:
    ((key, properties),) = example.of_type(KEY).items()
    arn, ref = {"Fn::GetAtt": [key, "Arn"]}, {"Ref": key}

    assert properties["Properties"]["EnableKeyRotation"] is True
    for kind, at in (
        (QUEUE, "KmsMasterKeyId"),
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
    ):
        assert {json.dumps(r["Properties"][at]) for r in example.of_type(kind).values()} <= {
            json.dumps(arn),
            json.dumps(ref),
        }
    for stream in example.of_type(STREAM).values():
        assert stream["Properties"]["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": arn}
    for bucket in example.of_type(BUCKET).values():
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == arn


@pytest.mark.parametrize(
    "kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"]
)
def test_nothing_is_reachable_without_tls(example: Synthesized, kind: str) -> None:
    for policy in example.of_type(kind).values():
        denied = [
            s
            for s in policy["Properties"]["PolicyDocument"]["Statement"]
            if s["Effect"] == "Deny"
            and s["Condition"].get("Bool") == {"aws:SecureTransport": "false"}
        ]
        assert denied


def test_buckets_are_closed_to_the_public(example: Synthesized) -> None:
    for bucket in example.of_type(BUCKET).values():
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}


def test_a_production_like_stage_outlives_its_stack(example: Synthesized) -> None:
    assert example.stack.termination_protection is True
    for kind in LASTING:
        for resource in example.of_type(kind).values():
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


# --- alarms


def test_every_alarm_has_an_action_and_dimensions(example: Synthesized) -> None:
    (topic,) = example.of_type("AWS::SNS::Topic")
    for alarm in example.of_type(ALARM).values():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}]
        assert alarm["Properties"]["OKActions"] == [{"Ref": topic}]
        assert alarm["Properties"]["Dimensions"]


@pytest.mark.parametrize("name", DESTINATIONS)
def test_every_feed_has_every_alarm_and_it_watches_that_feed(
    example: Synthesized, name: str
) -> None:
    found = example.of_type(ALARM, pascal(name))
    watched = {
        (a["Properties"]["Namespace"], a["Properties"]["MetricName"]) for a in found.values()
    }

    assert watched == {(alarm.series.namespace, alarm.series.metric) for alarm in ALARMS}
    for alarm in found.values():
        values = json.dumps([d["Value"] for d in alarm["Properties"]["Dimensions"]])
        assert pascal(name) in values or f'"{name}"' in values


def test_late_records_alarm_before_they_are_given_up(example: Synthesized) -> None:
    for feed in example.stack.feeds:
        ages = [
            alarm["Properties"]["Threshold"]
            for alarm in example.of_type(ALARM, pascal(feed.config.name)).values()
            if "IteratorAge" in alarm["Properties"]["MetricName"]
        ]
        given_up = feed.config.record_age_seconds * 1000
        assert ages == [given_up * example.stage.alarms.iterator_age_share] * 2


def test_an_alarm_says_what_it_means_and_what_to_do_first() -> None:
    assert len({alarm.name for alarm in ALARMS}) == len(ALARMS)
    for alarm in ALARMS:
        assert alarm.meaning.endswith(".")
        assert alarm.first.rstrip(")").endswith(".")


def test_the_forwarders_own_metrics_are_watched_with_the_dimensions_it_writes(
    example: Synthesized,
) -> None:
    own = [
        alarm["Properties"]
        for alarm in example.of_type(ALARM, "Items").values()
        if alarm["Properties"]["Namespace"] == "PersonalizeStream"
    ]

    assert {a["MetricName"] for a in own} == {Metric.MISCONFIGURED.title, Metric.UNKEPT.title}
    for alarm in own:
        assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
            "feed": "items",
            "service": "personalize-stream",
            "stage": "example",
        }


def test_throttles_do_not_alarm_where_shards_take_turns(write: Write) -> None:
    items = """
        [feeds.items]
        target = "arn:aws:personalize:eu-west-1:111122223333:dataset/shop/ITEMS"
        stream = { mode = "provisioned", shards = 50 }
        batch_size = 100
    """
    found = synthesize(stages.read(write(SMALLEST + items)))

    def throttles(feed: str) -> list[str]:
        alarms = found.of_type(ALARM, feed).values()
        names = [a["Properties"]["MetricName"] for a in alarms]
        return [name for name in names if name == "Throttles"]

    assert (throttles("Events"), throttles("Items")) == (["Throttles"], [])


def test_alarms_of_this_account_reach_the_encrypted_topic(example: Synthesized) -> None:
    """A topic policy replaces the default one, and the key refuses whom it does not name."""
    (key,) = example.of_type(KEY).values()
    (policy,) = example.of_type("AWS::SNS::TopicPolicy").values()
    cloudwatch = {"Service": "cloudwatch.amazonaws.com"}
    own = {"StringEquals": {"aws:SourceAccount": example.stage.account}}

    for document in (key["Properties"]["KeyPolicy"], policy["Properties"]["PolicyDocument"]):
        (allowed,) = (s for s in document["Statement"] if s["Principal"] == cloudwatch)
        assert (allowed["Effect"], allowed["Condition"]) == ("Allow", own)


def test_a_stage_can_use_a_topic_that_exists(write: Write) -> None:
    topic = "arn:aws:sns:eu-west-1:111122223333:on-call"
    found = synthesize(stages.read(write(SMALLEST + f'[alarms]\ntopic_arn = "{topic}"')))

    assert found.of_type("AWS::SNS::Topic") == {}
    assert {a["Properties"]["AlarmActions"][0] for a in found.of_type(ALARM).values()} == {topic}


# --- what the tools rely on


@pytest.mark.parametrize("feed", FEEDS)
def test_the_outputs_tell_the_tools_where_things_are(example: Synthesized, feed: str) -> None:
    outputs = example.template["Outputs"]

    for key in ("StreamName", "StreamArn", "FunctionName", "QueueUrl", "BucketName", "MappingId"):
        assert outputs[f"{feed}{key}"]["Value"]
        assert "Export" not in outputs[f"{feed}{key}"]


def test_the_local_stage_is_the_same_stack_with_other_choices(
    local: Synthesized, example: Synthesized
) -> None:
    def kinds(found: Synthesized) -> set[str]:
        return {resource["Type"] for resource in found.template["Resources"].values()}

    assert kinds(example) - kinds(local) == {"AWS::SNS::Subscription"}
    assert local.stack.termination_protection is False
    assert {m["Properties"]["Enabled"] for m in local.of_type(MAPPING).values()} == {False}
    for kind in LASTING:
        assert {r["DeletionPolicy"] for r in local.of_type(kind).values()} == {"Delete"}


def test_the_local_stages_functions_know_where_the_local_endpoint_is(local: Synthesized) -> None:
    for function in local.of_type(FUNCTION).values():
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["AWS_ENDPOINT_URL_PERSONALIZE_EVENTS"] == "http://127.0.0.1:4242"
