"""What a stage decides about one feed."""

from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from forwarder.destinations import DESTINATIONS, ENTRIES_PER_CALL, Destination
from infra.pacing import Pacing, pace
from infra.problems import DATASET_ARN, kind
from infra.stream_config import Stream
from infra.tables import Table, is_here, refuse, where

RETENTION_MARGIN_HOURS = 1
"""How much sooner than the stream a mapping gives a record up: what is left is the time in which
Lambda writes the batch to the failure bucket while the stream still has it."""


class FeedConfig(Table):
    """One feed of the stage. `name` is the table's own: `[feeds.<name>]`."""

    name: str
    target: str = Field(description="where the entries go, a tracking id or a dataset's ARN")
    stream: Stream = Field(
        description='either { arn = "arn:aws:kinesis:…" }, '
        'or { mode = "provisioned", shards = 2 }, or { mode = "on-demand" }'
    )
    batch_size: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description="the most records an invocation gets, a whole number from 1 to 10000",
    )
    batching_window_seconds: int = Field(
        default=1,
        ge=0,
        le=300,
        description="how long to wait for a fuller batch, a whole number from 0 to 300",
    )
    parallelization_factor: int = Field(
        default=1,
        ge=1,
        le=10,
        description="how many batches of one shard run at once, a whole number from 1 to 10",
    )
    retry_attempts: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="how often a failing batch is tried again, a whole number from 0 to 10000",
    )
    record_age_seconds: int = Field(
        default=43_200,
        ge=60,
        le=604_800,
        description="the age at which a record is given up and its batch goes to the failure "
        "bucket, a whole number from 60 to 604800",
    )
    timeout_seconds: int = Field(
        default=120,
        ge=10,
        le=900,
        description="the longest an invocation may take, a whole number from 10 to 900",
    )
    memory_mb: int = Field(
        default=1024,
        ge=128,
        le=10_240,
        description="the function's memory in MB, a whole number from 128 to 10240 "
        "(1769 is one whole processor)",
    )
    calls_per_second: float | None = Field(
        default=None,
        ge=0.1,
        le=100_000,
        description="the API quota of the dataset group in calls a second, 0.1 to 100000",
    )
    concurrent_calls: int = Field(
        default=64,
        ge=1,
        le=256,
        description="how many calls of one invocation are under way at once, "
        "a whole number from 1 to 256",
    )
    reserve_concurrency: bool = Field(
        default=True,
        description="true or false: whether Lambda concurrency may be reserved to keep the quota",
    )

    @property
    def destination(self) -> Destination:
        """The row of the table that this feed deploys."""
        return DESTINATIONS[self.name]

    @property
    def pacing(self) -> Pacing:
        """The feed's share of the quota."""
        return pace(
            quota=self.calls_per_second or self.destination.calls_per_second,
            shards=self.stream.expected_shards,
            parallelization_factor=self.parallelization_factor,
            reserve=self.reserve_concurrency,
        )

    @field_validator("target")
    @classmethod
    def _must_be_what_the_operation_takes(cls, target: str, info: ValidationInfo) -> str:
        destination = DESTINATIONS.get(info.data.get("name", ""))
        place = info.context or {}
        if destination is None:
            return target  # the feed's name is the problem, and it is reported
        if destination.target == "trackingId":
            if not target or ":" in target or "/" in target or len(target) > 256:  # noqa: PLR2004 # the service's limit
                raise refuse(
                    kind(target),
                    "the tracking id of an event tracker such as "
                    "5d4f2a3e-0000-0000-0000-000000000000",
                )
            return target
        wanted = destination.name.upper()
        found = DATASET_ARN.fullmatch(target)
        if not found or found["kind"] != wanted or not is_here(found.groupdict(), place):
            got = kind(target) if ":" in target else f'a tracking id (string "{target}")'
            raise refuse(
                got,
                "a dataset ARN such as "
                f"arn:aws:personalize:{where(place)}:dataset/<group>/{wanted}",
            )
        return target

    @field_validator("record_age_seconds")
    @classmethod
    def _must_end_before_the_stream_forgets(cls, age: int, info: ValidationInfo) -> int:
        stream = info.data.get("stream")
        if stream is None:
            return age  # the stream is the problem, and it is reported
        most = (stream.retention_hours - RETENTION_MARGIN_HOURS) * 3600
        if age > most:
            raise refuse(
                kind(age),
                f"at most {most}: the stream forgets a record after {stream.retention_hours} h "
                "(stream.retention_hours), and its batch must be saved before that",
            )
        return age

    @model_validator(mode="after")
    def _a_full_batch_must_fit_the_timeout(self) -> Self:
        if self.name not in DESTINATIONS:
            return self  # the feed's name is the problem, and it is reported
        pacing = self.pacing
        entries_per_call = 1 if self.destination.shared else ENTRIES_PER_CALL
        most = pacing.largest_batch(
            entries_per_call=entries_per_call, timeout_seconds=self.timeout_seconds
        )
        if self.batch_size > most:
            raise refuse(
                kind(self.batch_size),
                f"at most {most}: an invocation has {pacing.calls_per_second:g} calls a second "
                f"and {self.timeout_seconds} s (timeout_seconds), and a call carries "
                f"{entries_per_call} of these at the least",
                key="batch_size",
            )
        return self
