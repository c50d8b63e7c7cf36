"""The replayer's entry point in Lambda: the commands' replay for those without the repository.

The only module of the package that reads the environment or creates clients at import.
"""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from forwarder.logs import in_context, quiet_logger
from replayer.aws import connect
from replayer.doing import dead_letters_of
from replayer.lap import Feed, Runner
from replayer.mend import BadEdit
from replayer.replay import utc_now
from replayer.request import BadRequest, read_request
from replayer.selection import NoSuchLetter
from replayer.site import Site

ENDING_SECONDS = 60.0
"""Left for what is under way, for releasing messages, and for calling itself."""

FUNCTION = ":".join(
    os.environ.get(name, "") for name in ("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION")
)

session = boto3.Session()
logger = quiet_logger()
sites = [Site(**found) for found in json.loads(os.environ["SITES"])]
functions = session.client("lambda")


class ReplayFailed(Exception):  # noqa: N818 - it says what happened
    """The replay ended early; what was not put back is still in the dead letters."""


@in_context(logger)
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Replay what the request chooses; call itself again when out of time.

    Answers with the summary of this invocation; `resumes` says whether another one follows.
    """
    try:
        return _handle(event, context)
    except (BadRequest, NoSuchLetter) as error:
        raise ReplayFailed(str(error)) from None
    except BadEdit:  # its text has what a field was to be set to
        raise ReplayFailed("edits: wants FIELD=VALUE, OLD=NEW and FIELD") from None
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        failure = f"{error.operation_name} failed: {code}"
    except Exception as error:  # noqa: BLE001 - any text and any traceback could show a payload
        failure = type(error).__name__
    logger.error("replay failed", extra={"because": failure})
    raise ReplayFailed(failure)


def _handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = read_request(event)
    known = {site.feed: site for site in sites}
    unknown = [feed for feed in request.feeds if feed not in known]
    if unknown:
        raise BadRequest(f"feeds: wants some of {', '.join(known)}")
    runner = Runner(
        {
            feed: Feed(
                site, connect(session, site), dead_letters_of(session, site, function=FUNCTION)
            )
            for feed, site in known.items()
        },
        stop=lambda: context.get_remaining_time_in_millis() < ENDING_SECONDS * 1000,
        now=utc_now,
    )
    lap = runner.run(request)
    counts = {feed: tally.counts() for feed, tally in lap.tallies.items()}
    logger.info("replayed", extra={"lap": request.lap, "feeds": counts})
    if lap.rest is not None:
        functions.invoke(
            FunctionName=context.invoked_function_arn,
            InvocationType="Event",
            Payload=lap.rest.model_dump_json(by_alias=True).encode(),
        )
    return lap.as_json(sites[0].stage)
