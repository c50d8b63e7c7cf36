"""The three kinds of stream a feed can have, and how a stage file says which."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from infra.problems import STREAM_ARN, kind
from infra.tables import Table, is_here, refuse, where

Hours = Annotated[
    int,
    Field(
        ge=24,
        le=8760,
        description="the hours a record stays in the stream, a whole number from 24 to 8760",
    ),
]
ExpectedShards = Annotated[
    int,
    Field(
        ge=1,
        le=10_000,
        description="the most shards to reckon with, a whole number from 1 to 10000: "
        "the quota is divided by it",
    ),
]


class Provisioned(Table):
    """A stream of a fixed number of shards."""

    mode: Literal["provisioned"] = Field(description='"provisioned" or "on-demand"')
    shards: int = Field(
        ge=1, le=10_000, description="the number of shards, a whole number from 1 to 10000"
    )
    retention_hours: Hours = 24

    @property
    def expected_shards(self) -> int:
        """The number by which the quota is divided."""
        return self.shards


class OnDemand(Table):
    """A stream that grows and shrinks by itself; a new one starts with four shards."""

    mode: Literal["on-demand"] = Field(description='"provisioned" or "on-demand"')
    expected_shards: ExpectedShards = 4
    retention_hours: Hours = 24


class Existing(Table):
    """A stream that somebody else deploys."""

    arn: str = Field(description="the ARN of a Kinesis stream in this stage's account and region")
    key_arn: str | None = Field(
        default=None,
        pattern=r"^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/.+$",
        description="the ARN of the KMS key that encrypts the stream, "
        "such as arn:aws:kms:eu-west-1:111122223333:key/…",
    )
    expected_shards: ExpectedShards = 1
    retention_hours: Hours = 24

    @field_validator("arn")
    @classmethod
    def _must_be_a_stream_of_this_stage(cls, arn: str, info: ValidationInfo) -> str:
        place = info.context or {}
        found = STREAM_ARN.fullmatch(arn)
        if not found or not is_here(found.groupdict(), place):
            raise refuse(kind(arn), f"an ARN such as arn:aws:kinesis:{where(place)}:stream/<name>")
        return arn


STREAMS: dict[str, type[Table]] = {
    "provisioned": Provisioned,
    "on-demand": OnDemand,
    "existing": Existing,
}


def _stream_kind(value: Any) -> str | None:
    """Tell which of `STREAMS` a table describes: exactly one of `arn` and `mode` decides."""
    if not isinstance(value, dict) or ("arn" in value) == ("mode" in value):
        return None
    found = "existing" if "arn" in value else value["mode"]
    return found if found in STREAMS else None


Stream = Annotated[
    Annotated[Provisioned, Tag("provisioned")]
    | Annotated[OnDemand, Tag("on-demand")]
    | Annotated[Existing, Tag("existing")],
    Discriminator(_stream_kind),
]
