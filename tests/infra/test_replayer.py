"""The replayer is there when the stage says so, and may do what a replay does and no more."""

import json
from typing import Any

import pytest
from alone import alone
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from stacks import SMALLEST, Resource, Synthesized, Write, synthesize

from app import FUNCTIONS
from forwarder.destinations import DESTINATIONS
from infra import bundling, stages
from infra.package import build, target
from infra.stack import PersonalizeStream
from replayer.site import Site

FUNCTION = "AWS::Lambda::Function"
QUEUE, BUCKET, STREAM = "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::Kinesis::Stream"


@pytest.fixture(scope="module")
def with_replayer(tmp_path_factory) -> Synthesized:
    example = (stages.DIRECTORY / "example.toml").read_text(encoding="utf-8")
    path = tmp_path_factory.mktemp("stages") / "prod.toml"
    path.write_text(example.replace("replayer = false", "replayer = true"), encoding="utf-8")
    return synthesize(stages.read(path))


def statements(found: Synthesized) -> list[Resource]:
    policies = found.of_type("AWS::IAM::Policy", "Replayer").values()
    return [s for p in policies for s in p["Properties"]["PolicyDocument"]["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_replayer_is_deployed_unless_the_stage_says_so(write: Write) -> None:
    assert not synthesize(stages.read(write(SMALLEST))).of_type(FUNCTION, "Replayer")


def test_one_replay_runs_at_a_time_and_goes_on_by_itself(with_replayer: Synthesized) -> None:
    function = with_replayer.one(FUNCTION, "Replayer")["Properties"]

    assert function["Handler"] == "replayer.handler.handle"
    assert function["ReservedConcurrentExecutions"] == 1
    assert function["RecursiveLoop"] == "Allow"
    assert function["Timeout"] == 900


def test_it_knows_every_feed_in_the_words_of_a_site(with_replayer: Synthesized) -> None:
    told = with_replayer.one(FUNCTION, "Replayer")["Properties"]["Environment"]["Variables"]
    text = "".join(
        part if isinstance(part, str) else "token" for part in told["SITES"]["Fn::Join"][1]
    )

    sites = [Site(**found) for found in json.loads(text)]

    assert [site.feed for site in sites] == list(DESTINATIONS)
    assert {site.target for site in sites} == {
        feed.target for feed in with_replayer.stage.feeds.values()
    }


def test_it_delivers_nothing_to_personalize_itself(with_replayer: Synthesized) -> None:
    found = [action for s in statements(with_replayer) for action in as_list(s["Action"])]

    assert not [action for action in found if action.startswith("personalize:")]
    assert not [action for action in found if "*" in action]


def test_every_right_is_to_one_feeds_own_things(with_replayer: Synthesized) -> None:
    own = {
        name
        for kind in (QUEUE, BUCKET, STREAM, "AWS::KMS::Key", FUNCTION, "AWS::Logs::LogGroup")
        for name in with_replayer.of_type(kind)
    }
    for found in statements(with_replayer):
        if found["Resource"] == "*":
            assert set(as_list(found["Action"])) <= {
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
            }
        for resource in as_list(found["Resource"]):
            text = json.dumps(resource)
            assert resource == "*" or any(f'"{name}"' in text for name in own), found


def test_it_invokes_nothing_but_itself(with_replayer: Synthesized) -> None:
    (own,) = with_replayer.of_type(FUNCTION, "Replayer")
    (invokes,) = [s for s in statements(with_replayer) if s["Action"] == "lambda:InvokeFunction"]

    assert invokes["Resource"] == {"Fn::GetAtt": [own, "Arn"]}


def test_the_handler_starts_from_the_package_alone() -> None:
    """A fresh interpreter that sees nothing but the package: what was trimmed is not missed."""
    package = build(FUNCTIONS, target("local"))
    site = {"stage": "s", "feed": "events", "target": "t", "stream_name": "n", "stream_arn": "a"}
    code = (
        "import replayer.handler as handler;"
        "handler.connect(handler.session, handler.sites[0]);"
        "print(handler.handle.__name__)"
    )
    done = alone(package, code, SITES=json.dumps([{**site, "queue_url": "q", "bucket": "b"}]))

    assert (done.stdout, done.stderr) == ("handle\n", "")


def test_nag_is_satisfied_with_it(tmp_path) -> None:
    text = SMALLEST.replace("[feeds", "replayer = true\n[feeds", 1)
    path = tmp_path / "prod.toml"
    path.write_text(text, encoding="utf-8")
    app = App(context={"aws:cdk:bundling-stacks": []}, outdir=str(tmp_path / "out"))
    stage = stages.read(path)
    PersonalizeStream(app, stage=stage, code=bundling.code(FUNCTIONS, stage.bundle))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))

    app.synth()

    report = tmp_path / "out" / "validation-report.json"
    found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    assert [v for plugin in found.get("pluginReports", []) for v in plugin["violations"]] == []
