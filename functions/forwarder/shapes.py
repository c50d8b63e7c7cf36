"""The typed shapes of Amazon Personalize Events, with the service's exact limits.

Field names are the API's, in snake_case here and in camelCase on the wire. Unknown fields are
refused, because the service would drop them without a word; an optional null is left out.
Source: botocore's service model `personalize-events`; `tests/contract` compares the two.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from forwarder.fields import (
    ActionEventType,
    AttributionSource,
    DatasetArn,
    Id,
    Impression,
    InteractionProperties,
    ItemProperties,
    Name,
    RecommendationId,
    Time,
    UserProperties,
    Value,
)


class Shape(BaseModel):
    """What all shapes share: immutable, strict about kinds, and silent about values in errors."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        defer_build=True,  # a function serves one feed, and a cold start need not build the others
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
    )


class MetricAttribution(Shape):
    """Where an event came from, for the metrics that measure recommendations."""

    event_attribution_source: AttributionSource


class Event(Shape):
    """One interaction of a user with an item: an element of `PutEvents`."""

    event_type: Name
    sent_at: Time
    event_id: Id | None = None
    event_value: Value | None = None
    item_id: Id | None = None
    properties: InteractionProperties | None = None
    recommendation_id: RecommendationId | None = None
    impression: Impression | None = None
    metric_attribution: MetricAttribution | None = None


class Item(Shape):
    """The whole state of one item: an element of `PutItems`, replacing what was there."""

    item_id: Id
    properties: ItemProperties | None = None


class User(Shape):
    """The whole state of one user: an element of `PutUsers`, replacing what was there."""

    user_id: Id
    properties: UserProperties | None = None


class Action(Shape):
    """The whole state of one action: an element of `PutActions`, replacing what was there."""

    action_id: Id
    properties: ItemProperties | None = None


class ActionInteraction(Shape):
    """One interaction of a user with an action: an element of `PutActionInteractions`."""

    action_id: Id
    session_id: Id
    timestamp: Time
    event_type: ActionEventType
    user_id: Id | None = None
    event_id: Id | None = None
    recommendation_id: RecommendationId | None = None
    impression: Impression | None = None
    properties: InteractionProperties | None = None


class PutEvents(Shape):
    """Events of one session and one user, the user being absent until they log in."""

    tracking_id: Name
    user_id: Id | None = None
    session_id: Id
    event_list: Annotated[list[Event], Field(min_length=1, max_length=10)]


class PutItems(Shape):
    """Items of one dataset."""

    dataset_arn: DatasetArn
    items: Annotated[list[Item], Field(min_length=1, max_length=10)]


class PutUsers(Shape):
    """Users of one dataset."""

    dataset_arn: DatasetArn
    users: Annotated[list[User], Field(min_length=1, max_length=10)]


class PutActions(Shape):
    """Actions of one dataset."""

    dataset_arn: DatasetArn
    actions: Annotated[list[Action], Field(min_length=1, max_length=10)]


class PutActionInteractions(Shape):
    """Action interactions of one tracker, of any users and sessions."""

    tracking_id: Name
    action_interactions: Annotated[list[ActionInteraction], Field(min_length=1, max_length=10)]
