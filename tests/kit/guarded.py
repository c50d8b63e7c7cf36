"""The real template on an emulator that enforces IAM, the roles of functions included.

The template is the one that is deployed, but for what the emulator cannot judge:
- it is plain HTTP on this machine, so statements that demand TLS would refuse everything;
- the condition key `s3:ResourceAccount` is unknown to it, so a grant under it is none;
- it asks for `sqs:SendMessageBatch`, which AWS does not have: there `sqs:SendMessage` is both;
- the CDK's own roles publish under a condition (`aws:ResourceAccount`) that it does not know
  either, so the assets are published and the stack is created as the account's root.
What is granted, to whom and on which resource is untouched.
"""

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Before the CDK's first import, which starts node and prints this.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from aws_cdk import App

from app import FUNCTIONS
from infra import bundling, stages
from infra.config import Stage
from infra.stack import PersonalizeStream
from local.clients import Clients
from local.emulator import ACCOUNT, REGION
from local.outputs import DeployedFeed, read_outputs

PATIENCE = 120.0
_UNKNOWN = frozenset({"aws:SecureTransport", "s3:TlsVersion"})
_IGNORED = "s3:ResourceAccount"
_SEND = "sqs:SendMessage"


def deploy(
    directory: Path, *, url: str, clients: Clients, personalize: str
) -> tuple[Stage, Mapping[str, DeployedFeed]]:
    """Deploy the local stage, and say where its feeds are.

    Raises:
        TimeoutError: That took too long.
    """
    stage = stages.choose("local", endpoint=personalize)
    app = App(outdir=str(directory / "cdk.out"))
    PersonalizeStream(app, stage=stage, code=bundling.code(FUNCTIONS, stage.bundle))
    assembly = Path(app.synth().directory)
    bucket = _publish(assembly, clients)
    (path,) = assembly.glob("*.template.json")
    template = json.loads(path.read_text(encoding="utf-8"))
    for section in ("Parameters", "Rules"):  # they ask for the bootstrapped account
        template.pop(section, None)
    _judgeable(template)
    clients.objects.put_object(Bucket=bucket, Key="template", Body=json.dumps(template).encode())
    name = f"personalize-stream-{stage.name}"
    clients.stacks.create_stack(
        StackName=name, TemplateURL=f"{url}/{bucket}/template", Capabilities=["CAPABILITY_IAM"]
    )
    _wait(clients, name)
    feeds = read_outputs(clients, stage)
    for feed in feeds.values():
        clients.functions.update_event_source_mapping(UUID=feed.mapping, Enabled=False)
    return stage, feeds


def _publish(assembly: Path, clients: Clients) -> str:
    (path,) = assembly.glob("*.assets.json")
    for asset in json.loads(path.read_text(encoding="utf-8"))["files"].values():
        if asset["source"]["packaging"] != "zip":
            continue
        (destination,) = asset["destinations"].values()
        named = destination["bucketName"].replace("${AWS::AccountId}", ACCOUNT)
        bucket = str(named.replace("${AWS::Region}", REGION))
        clients.objects.create_bucket(Bucket=bucket)
        clients.objects.put_object(
            Bucket=bucket,
            Key=destination["objectKey"],
            Body=_zipped(assembly / asset["source"]["path"]),
        )
    return bucket


def _zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def _judgeable(template: Any) -> None:
    """Take out, in place, the conditions that the emulator cannot judge."""
    for document in _policies(template):
        kept = [each for each in document["Statement"] if not _UNKNOWN & _keys(each)]
        for statement in kept:
            for operator in statement.get("Condition", {}).values():
                operator.pop(_IGNORED, None)
            if statement["Action"] == _SEND:
                statement["Action"] = [_SEND, f"{_SEND}Batch"]
        document["Statement"] = kept


def _keys(statement: Mapping[str, Any]) -> set[str]:
    return {key for operator in statement.get("Condition", {}).values() for key in operator}


def _policies(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get("Statement"), list):
            yield part
        for each in part.values():
            yield from _policies(each)
    elif isinstance(part, list):
        for each in part:
            yield from _policies(each)


def _wait(clients: Clients, name: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        (stack,) = clients.stacks.describe_stacks(StackName=name)["Stacks"]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return
        if time.monotonic() > until or "PROGRESS" not in stack["StackStatus"]:
            raise TimeoutError(f"{name} is {stack['StackStatus']}")
        time.sleep(0.1)  # the emulator cannot tell when it is done
