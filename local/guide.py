"""How to play with a running stack: where it is, and commands to copy."""

from collections.abc import Iterator

from local.background import Reachable
from local.emulator import CREDENTIALS, REGION


def guide(stack: Reachable) -> Iterator[str]:
    """Write the guide, line by line."""
    yield f"AWS, emulated       {stack.url}"
    yield f"Personalize Events  {stack.personalize}"
    yield ""
    yield "Tell the AWS CLI where it is:"
    for name, value in {
        "AWS_ENDPOINT_URL": stack.url,
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        yield f"  export {name}={value}"
    for purpose, command in _commands(stack):
        yield ""
        yield f"{purpose}:"
        yield f"  {command}"
    yield ""
    yield "The other streams:"
    for feed, stream in stack.streams.items():
        yield f"  {feed:20} {stream}"
    yield ""
    yield "End it with `make down`."


def _commands(stack: Reachable) -> Iterator[tuple[str, str]]:
    event = '{"sessionId": "s-1", "eventType": "view", "sentAt": "\'$(date +%s)\'"}'
    target = f"--stream-name {stack.streams['events']} --partition-key s-1"
    form = "--cli-binary-format raw-in-base64-out"
    yield "Put an event on its stream", f"aws kinesis put-record {target} {form} --data '{event}'"
    yield "See what has arrived", f"curl {stack.personalize}/_local/entries/PutEvents"
    yield "See what was asked, and answered", f"curl {stack.personalize}/_local/summary"
    yield "See the dead letters", f"aws sqs receive-message --queue-url {stack.queues['events']}"
    yield "See abandoned batches", f"aws s3 ls --recursive s3://{stack.buckets['events']}"
