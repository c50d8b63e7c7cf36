"""What the environment decides: read once, at cold start, and complete or not at all."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from forwarder.destinations import DESTINATIONS, Destination


class BadSettings(Exception):  # noqa: N818 - it says what is bad
    """A setting is missing or unusable; the text names each one and what it wants."""


def _destination(name: object) -> Destination:
    if name not in DESTINATIONS:
        raise ValueError(f"wants one of {', '.join(DESTINATIONS)}")
    return DESTINATIONS[str(name)]


_Text = Annotated[str, Field(min_length=1)]


class Settings(BaseModel):
    """The forwarder's settings; each is an environment variable of the same name in capitals."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True, hide_input_in_errors=True)

    feed: Annotated[Destination, BeforeValidator(_destination)]
    """The feed that this function serves."""
    target: _Text
    """The tracking id or the dataset ARN that the feed delivers to."""
    stage: _Text
    """The deployment's name: a dimension of every metric, and part of every dead letter."""
    dead_letter_queue_url: _Text
    """The queue that keeps rejected documents."""
    dead_letter_bucket: _Text
    """The bucket that keeps those too large for the queue."""
    calls_per_second: Annotated[float, Field(gt=0)]
    """This environment's share of the API's quota."""
    concurrent_calls: Annotated[int, Field(ge=1, le=256)] = 64
    """The most calls at the same time."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        BadSettings: when one is missing or unusable; names all of them, never their values.
    """
    given = {
        name: environment[name.upper()]
        for name in Settings.model_fields
        if name.upper() in environment
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        problems = (f"{each['loc'][0]}".upper() + f": {each['msg']}" for each in error.errors())
        raise BadSettings("; ".join(problems)) from None
