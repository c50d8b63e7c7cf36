"""What sending took, to the call: log line, metrics and the demo's table are made of it."""

from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from builders import FakePersonalize, channel, document_of, parser_of, record

from forwarder.deliver import Delivery, Tally
from forwarder.destinations import DESTINATIONS
from forwarder.journey import forward
from forwarder.memory import Memory
from forwarder.outcomes import Cause, Record
from forwarder.transport import Disconnected, ServiceError

EVENTS = DESTINATIONS["events"]
THROTTLING = ServiceError("ThrottlingException", 400, None)


def events(count: int, *, session: str = "s1", first: int = 0, **fields: Any) -> list[Record]:
    return [
        record(n, document_of("events", sessionId=session, **fields))
        for n in range(first, first + count)
    ]


def tally(records: list[Record], *errors: Exception | None, api: Any = None) -> Tally:
    """Send a batch, whose first calls fail with these errors."""

    def answers(number: int, _request: object) -> None:
        if number <= len(errors) and (error := errors[number - 1]):
            raise error

    link = channel(api or FakePersonalize(EVENTS, answers=answers), workers=1)
    delivery = Delivery(link, deadline=60.0)
    forward(records, parse=parser_of("events"), memory=Memory(), delivery=delivery)
    return delivery.tally


def test_calls_that_are_accepted_at_once_are_calls_and_nothing_else():
    assert tally(events(25)) == Tally(calls=3)


def test_each_attempt_is_a_call_each_but_the_first_a_retry_and_each_failure_has_its_cause():
    found = tally(events(25), THROTTLING, Disconnected("reset"), None, THROTTLING)

    assert found == Tally(calls=6, retries=3, failures={Cause.THROTTLED: 2, Cause.UNAVAILABLE: 1})


def test_a_failure_that_is_not_tried_again_is_no_retry():
    in_use = ServiceError("ResourceInUseException", 409, None)

    assert tally(events(5), in_use) == Tally(calls=1, failures={Cause.IN_USE: 1})


def test_a_refused_entry_is_data_and_no_failure():
    """One good call, then the bad entry alone."""
    api = FakePersonalize(EVENTS, refuses=lambda entry: entry["itemId"] == "bad")
    records = events(10, itemId="good") + events(1, session="s2", first=10, itemId="bad")

    assert tally(records, api=api) == Tally(calls=2)


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (ServiceError("AccessDeniedException", 403, None), "AccessDeniedException"),
        (ServiceError("", 403, None), "ServiceError"),
        (NoCredentialsError(), "NoCredentialsError"),
    ],
)
def test_what_gave_a_wrong_setting_away_is_named_by_its_code_or_else_its_type(error, named):
    found = tally(events(5), error)

    assert (found.misconfigured, found.calls) == (named, 1)
    assert found.failures == {Cause.MISCONFIGURED: 1}


def test_the_longest_lane_does_not_start_last():
    api = FakePersonalize(EVENTS)

    tally(events(3, session="short") + events(25, session="long", first=3), api=api)

    assert [each["sessionId"] for each in api.requests] == ["long"] * 3 + ["short"]
