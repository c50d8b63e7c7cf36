"""The five operations of Amazon Personalize Events, as one table.

Everything that differs between feeds is a cell of this table or a field of a shape: a sixth
operation is one more row, one more shape, and no branch. `tests/contract` asks botocore's service
model whether each cell is true.
"""

from dataclasses import dataclass
from typing import Literal

from forwarder.shapes import (
    Action,
    ActionInteraction,
    Event,
    Item,
    PutActionInteractions,
    PutActions,
    PutEvents,
    PutItems,
    PutUsers,
    Shape,
    User,
)

ENTRIES_PER_CALL = 10
"""The most entries one call may carry, the same for all five operations."""

MOST_INTERACTION_BYTES = 10 * 1024
"""The largest event the service takes.

Source: https://docs.aws.amazon.com/personalize/latest/dg/limits.html
"""

INTERACTION_CALLS_PER_SECOND = 1000
"""The quota of `PutEvents` for a dataset group; `PutActionInteractions` documents none."""

UPSERT_CALLS_PER_SECOND = 10
"""The quota of `PutItems` and of `PutUsers` for a dataset group; `PutActions` documents none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a feed's entries go, and what its calls look like.

    Attributes:
        name: The feed's name, as stage files, dead letters and metrics have it.
        operation: botocore's name of the operation.
        request: The model of a call.
        shape: The model of one entry.
        entries: The request's key of the entry list.
        target: The request's key of what the feed is configured for.
        shared: Further request keys that all entries of one call have in common.
        session: Key whose entries go out in stream order, one call after the other.
        identity: Key of the id that an upsert replaces: of two entries the newer wins.
        time: Key of the time at which the entry happened.
        most_bytes: The largest entry the service takes, as JSON; None where only fields count.
        calls_per_second: The service's quota.
    """

    name: str
    operation: str
    request: type[Shape]
    shape: type[Shape]
    entries: str
    target: Literal["trackingId", "datasetArn"]
    shared: tuple[str, ...] = ()
    session: str | None = None
    identity: str | None = None
    time: str | None = None
    most_bytes: int | None = None
    calls_per_second: float

    @property
    def action(self) -> str:
        """The operation's name in the API and, behind `personalize:`, in IAM: `PutEvents`."""
        return self.request.__name__


DESTINATIONS = {
    destination.name: destination
    for destination in (
        Destination(
            name="events",
            operation="put_events",
            request=PutEvents,
            shape=Event,
            entries="eventList",
            target="trackingId",
            shared=("userId", "sessionId"),
            session="sessionId",
            time="sentAt",
            most_bytes=MOST_INTERACTION_BYTES,
            calls_per_second=INTERACTION_CALLS_PER_SECOND,
        ),
        Destination(
            name="items",
            operation="put_items",
            request=PutItems,
            shape=Item,
            entries="items",
            target="datasetArn",
            identity="itemId",
            calls_per_second=UPSERT_CALLS_PER_SECOND,
        ),
        Destination(
            name="users",
            operation="put_users",
            request=PutUsers,
            shape=User,
            entries="users",
            target="datasetArn",
            identity="userId",
            calls_per_second=UPSERT_CALLS_PER_SECOND,
        ),
        Destination(
            name="actions",
            operation="put_actions",
            request=PutActions,
            shape=Action,
            entries="actions",
            target="datasetArn",
            identity="actionId",
            calls_per_second=UPSERT_CALLS_PER_SECOND,
        ),
        Destination(
            name="action-interactions",
            operation="put_action_interactions",
            request=PutActionInteractions,
            shape=ActionInteraction,
            entries="actionInteractions",
            target="trackingId",
            session="sessionId",
            time="timestamp",
            most_bytes=MOST_INTERACTION_BYTES,
            calls_per_second=INTERACTION_CALLS_PER_SECOND,
        ),
    )
}
"""Every destination by its feed's name."""
