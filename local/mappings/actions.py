"""The two things a step asks for: invoke the function, keep what was abandoned."""

import json
import logging
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from local.mappings.batch import Batch
from local.mappings.clients import Clients
from local.mappings.documents import describe, describe_whole, encode, key
from local.mappings.events import Origin, event
from local.mappings.semantics import Abandon, Errored, Outcome, Returned, Unreached

logger = logging.getLogger(__name__)


def invoke(clients: Clients, origin: Origin, batch: Batch) -> Outcome:
    """Call the function with a batch and wait for its answer.

    Throttling, a service error, a missing function and a broken connection all mean that the
    batch is not known to have reached the function: they use no retry.
    """
    try:
        answer = clients.functions.invoke(
            FunctionName=origin.told.function_arn, Payload=event(batch.records)
        )
        payload = answer["Payload"].read()
    except (BotoCoreError, ClientError) as error:
        logger.warning("%s was not reached: %s", origin.told.function_arn, error)
        return Unreached()
    version = answer.get("ExecutedVersion", "$LATEST")
    failed = answer.get("FunctionError")
    return Errored(failed, version) if failed else Returned(_parse(payload), version)


def keep(clients: Clients, origin: Origin, abandoned: Abandon, now: float) -> bool:
    """Send abandoned records to the mapping's on-failure destination.

    Returns:
        Whether they were kept. As with Lambda, records that the destination refuses, or that
        have no destination, are lost and the shard moves on.
    """
    destination = origin.told.on_failure
    if destination is None:
        return False
    try:
        _send(clients, origin, abandoned, now, destination)
    except (BotoCoreError, ClientError) as error:
        logger.error("%s refused a document: %s", destination, error)  # noqa: TRY400 - no trace: the error says all
        return False
    return True


def _send(
    clients: Clients, origin: Origin, abandoned: Abandon, now: float, destination: str
) -> None:
    service, name = destination.split(":")[2], destination.rpartition(":")[2]
    request = uuid4()
    match service:
        case "s3":
            document = describe_whole(abandoned, origin, now=now, request=request)
            clients.objects.put_object(
                Bucket=name,
                Key=key(origin, now=now, unique=uuid4()),
                Body=encode(document).encode(),
            )
        case "sqs":
            document = describe(abandoned, origin, now=now, request=request)
            url = clients.queues.get_queue_url(QueueName=name)["QueueUrl"]
            clients.queues.send_message(QueueUrl=url, MessageBody=encode(document))
        case _:
            raise NotImplementedError(f"on-failure destination {destination}")


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return payload.decode(errors="replace")
