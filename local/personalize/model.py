"""The operations of Amazon Personalize Events, read from botocore's service model.

Nothing is listed by hand: methods, paths, members, limits and errors are the model's, so a new
operation or member is served as soon as botocore knows it.
"""

from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import ListShape, OperationModel, ServiceModel, StructureShape

from local.personalize.validation import Check, check_structure

SERVICE = "personalize-events"
TARGETS = ("trackingId", "datasetArn")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: where it is served, what its call holds, and which repeat of an id counts.

    `newest_wins` tells upserts, whose last write of an id is kept, from events, whose first is.
    """

    name: str
    method: str
    path: str
    target: str
    entries: str
    shared: tuple[str, ...]
    identity: str
    newest_wins: bool
    check: Check
    statuses: dict[str, int]

    @property
    def snake_name(self) -> str:
        """The name boto3 gives to the operation, such as `put_events`."""
        return xform_name(self.name)


def load_service_model() -> ServiceModel:
    """Read the service model that ships with botocore."""
    return botocore.session.get_session().get_service_model(SERVICE)


def load_operations(service: ServiceModel | None = None) -> dict[str, Operation]:
    """All operations by name, in the model's order."""
    service = service or load_service_model()
    return {name: _operation(service.operation_model(name)) for name in service.operation_names}


def _operation(model: OperationModel) -> Operation:
    shape = model.input_shape
    if not isinstance(shape, StructureShape):
        raise TypeError(f"{model.name} has no input structure")
    members = dict(shape.members)
    entries, entry = _entry_list(members)
    repeats_are_dropped = "eventId" in entry.members
    http: dict[str, Any] = model.http
    return Operation(
        name=model.name,
        method=http["method"],
        path=http["requestUri"],
        target=next(name for name in TARGETS if name in members),
        entries=entries,
        shared=tuple(name for name in members if name != entries),
        identity="eventId" if repeats_are_dropped else entry.required_members[0],
        newest_wins=not repeats_are_dropped,
        check=check_structure(shape),
        statuses={e.name: e.metadata["error"]["httpStatusCode"] for e in model.error_shapes},
    )


def _entry_list(members: dict[str, Any]) -> tuple[str, StructureShape]:
    for name, shape in members.items():
        if isinstance(shape, ListShape) and isinstance(shape.member, StructureShape):
            return name, shape.member
    raise TypeError("an operation of this service takes a list of structures")
