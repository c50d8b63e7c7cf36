"""What one deployment decides: the typed contents of `stages/<stage>.toml`.

The field descriptions, here and in the feed's and stream's tables, are what the error messages ask
for; `stages/example.toml` shows each key once. Reading a stage is `infra.stages`, and what follows
from its numbers is `infra.pacing`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from forwarder.destinations import DESTINATIONS
from infra.feed_config import FeedConfig
from infra.problems import kind, unknown
from infra.tables import Table, refuse

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
)  # fmt: skip # the values CloudWatch Logs knows, as one block


class Alarms(Table):
    """Who hears of trouble, and when."""

    emails: tuple[str, ...] = Field(
        default=(),
        strict=False,  # TOML knows arrays only
        description="an array of e-mail addresses",
    )
    topic_arn: str | None = Field(
        default=None,
        pattern=r"^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$",
        description="the ARN of an existing SNS topic, such as arn:aws:sns:eu-west-1:1…:on-call",
    )
    iterator_age_share: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="the share of a record's time at which to alarm, above 0 and below 1",
    )

    @field_validator("emails")
    @classmethod
    def _must_be_addresses(cls, emails: tuple[str, ...]) -> tuple[str, ...]:
        for email in emails:
            if "@" not in email.strip("@"):
                raise refuse(kind(email), "addresses such as on-call@example.com")
        return emails

    @field_validator("topic_arn")
    @classmethod
    def _must_not_leave_addresses_unused(
        cls, topic: str | None, info: ValidationInfo
    ) -> str | None:
        if topic and info.data.get("emails"):
            raise refuse(
                kind(topic), "either a topic or emails: those subscribe to a topic of ours"
            )
        return topic


def _known_feed(name: str) -> str:
    if name not in DESTINATIONS:
        raise refuse("an unknown feed", unknown(name, DESTINATIONS))
    return name


class Stage(Table):
    """One deployment."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,29}$",
        description="a file name of lower-case letters, digits and hyphens",
    )
    account: str = Field(
        pattern=r"^\d{12}$", description="the AWS account, twelve digits in quotes"
    )
    region: str = Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="an AWS region such as eu-west-1"
    )
    bundle: Literal["lambda", "local"] = Field(
        default="lambda",
        description='"lambda" (for the Lambda runtime) or "local" (for this machine\'s Python)',
    )
    removal: Literal["retain", "destroy"] = Field(
        default="retain",
        description='"retain" or "destroy": what becomes of streams, queues, buckets and the key '
        "when the stack or the feed is deleted",
    )
    termination_protection: bool = Field(default=True, description="true or false")
    mappings_enabled: bool = Field(
        default=True, description="true or false: whether Lambda reads the streams"
    )
    replayer: bool = Field(
        default=False,
        description="true or false: whether a function that replays dead letters is deployed",
    )
    log_retention_days: int = Field(
        default=90, description=f"a number of days CloudWatch knows: {LOG_RETENTION_DAYS}"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description='"DEBUG", "INFO", "WARNING" or "ERROR"'
    )
    personalize_endpoint: str | None = Field(
        default=None,
        pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/.*)?)$",
        description="an https:// URL, or an http:// URL of this machine",
    )
    tags: dict[str, str] = Field(default={}, description="a table of texts")
    alarms: Alarms = Field(default=Alarms(), description="a table")
    feeds: dict[Annotated[str, AfterValidator(_known_feed)], FeedConfig] = Field(
        min_length=1, description=f"at least one feed: {', '.join(DESTINATIONS)}"
    )

    @field_validator("log_retention_days")
    @classmethod
    def _must_be_known_to_cloudwatch(cls, days: int) -> int:
        if days not in LOG_RETENTION_DAYS:
            raise refuse(kind(days), f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}")
        return days
