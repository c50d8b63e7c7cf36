"""What a mapping is told to do, as the Lambda API reports it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

INFINITE = -1
"""The API's word for "no limit", for retries and for age."""


class Unsupported(Exception):  # noqa: N818 - it reads as the answer it is: "Unsupported: filter"
    """This mapping uses a setting that is not reproduced here, so running it would mislead."""


class Configuration(BaseModel):
    """One event source mapping from Kinesis, with the defaults that Lambda documents.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html

    Times are seconds; a `MaximumRecordAgeInSeconds` or `MaximumRetryAttempts` of -1 is infinite.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_pascal, populate_by_name=True)

    uuid: str = Field(alias="UUID")
    event_source_arn: str
    function_arn: str
    state: str = "Enabled"
    batch_size: int = Field(default=100, ge=1, le=10_000)
    maximum_batching_window_in_seconds: float = Field(default=0, ge=0, le=300)
    parallelization_factor: int = Field(default=1, ge=1, le=10)
    maximum_retry_attempts: int = Field(default=INFINITE, ge=INFINITE, le=10_000)
    maximum_record_age_in_seconds: float = Field(default=INFINITE, ge=INFINITE, le=604_800)
    bisect_batch_on_function_error: bool = False
    function_response_types: tuple[str, ...] = ()
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = "TRIM_HORIZON"
    starting_position_timestamp: datetime | None = None
    on_failure: str | None = None

    @property
    def stream_arn(self) -> str:
        """The stream itself, also when the mapping names an enhanced fan-out consumer of it."""
        return self.event_source_arn.partition("/consumer/")[0]

    @property
    def region(self) -> str:
        """The region that the stream's ARN names."""
        return self.event_source_arn.split(":")[3]

    @property
    def enabled(self) -> bool:
        """Whether Lambda's own poller would run it, now or in a moment."""
        return self.state in {"Creating", "Enabled", "Enabling", "Updating"}

    @property
    def reports_failures(self) -> bool:
        """Whether the function's answer is read at all; without it every answer is a success."""
        return "ReportBatchItemFailures" in self.function_response_types

    def exhausted(self, retries: int) -> bool:
        """Tell whether a batch that was retried so often may not be retried again."""
        return self.maximum_retry_attempts != INFINITE and retries >= self.maximum_retry_attempts

    def expired(self, arrival: float, now: float) -> bool:
        """Tell whether a record that arrived then is too old to reach the function now."""
        limit = self.maximum_record_age_in_seconds
        return limit != INFINITE and now - arrival > limit


def parse_configuration(mapping: dict[str, Any]) -> Configuration:
    """Read one element of `ListEventSourceMappings`.

    Raises:
        Unsupported: For filters, tumbling windows and on-failure destinations other than S3 and
            SQS. Ignoring them would deliver what Lambda would not, or lose what it would keep.
        pydantic.ValidationError: For a value outside the documented range.
    """
    for setting in ("FilterCriteria", "TumblingWindowInSeconds"):
        if mapping.get(setting):
            raise Unsupported(f"{setting} of mapping {mapping['UUID']}")
    destinations = mapping.get("DestinationConfig") or {}
    destination = (destinations.get("OnFailure") or {}).get("Destination")
    if destination and destination.split(":")[2] not in {"s3", "sqs"}:
        raise Unsupported(f"destination {destination} of mapping {mapping['UUID']}")
    present = {key: value for key, value in mapping.items() if value is not None}
    return Configuration.model_validate({**present, "OnFailure": destination})
