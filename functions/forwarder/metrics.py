"""The forwarder's metrics: each name, its unit and what it means. Docs and alarms use this."""

from enum import Enum

NAMESPACE = "PersonalizeStream"


class Metric(Enum):
    """A metric: its name in CloudWatch, its unit there, and a line of meaning."""

    RECORDS = ("Records", "Count", "Records that Lambda handed over.")
    DELIVERED = ("EntriesDelivered", "Count", "Entries accepted, or replaced by a newer one.")
    REJECTED = ("EntriesRejected", "Count", "Entries that are dead letters now.")
    DEFERRED = ("EntriesDeferred", "Count", "Entries held back; they come again.")
    REPEATS = ("RepeatsSpared", "Count", "Entries delivered before and not sent again.")
    CALLS = ("CallsMade", "Count", "Calls made, attempts included.")
    FEWEST_CALLS = ("FewestCalls", "Count", "The fewest calls that the API allows for the entries.")
    RETRIES = ("Retries", "Count", "Calls made again after a failure that may pass.")
    THROTTLES = ("CallsThrottled", "Count", "Calls that the API throttled.")
    DEAD_LETTERS = ("DeadLetters", "Count", "Documents put into the dead letters.")
    UNKEPT = ("DeadLettersNotKept", "Count", "Invocations that could not keep a dead letter.")
    MISCONFIGURED = ("Misconfigured", "Count", "Invocations that no call can succeed for.")
    LAG = ("DeliveryLag", "Seconds", "The longest that a delivered record was on its way.")

    def __init__(self, title: str, unit: str, meaning: str) -> None:
        self.title = title
        self.unit = unit
        self.meaning = meaning


REJECTED_BY_REASON = "EntriesRejected.{reason}"
"""The same as EntriesRejected, by reason: one name for each `Reason` that occurred."""
