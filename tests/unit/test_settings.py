"""Settings are complete and usable at cold start, or the function says which are not."""

import pytest

from forwarder.settings import BadSettings, Settings, read_settings

COMPLETE = {
    "FEED": "events",
    "TARGET": "tracker-1",
    "STAGE": "test",
    "DEAD_LETTER_QUEUE_URL": "http://queue",
    "DEAD_LETTER_BUCKET": "bucket",
    "CALLS_PER_SECOND": "62.5",
    "CONCURRENT_CALLS": "32",
    "PATH": "/usr/bin",
}


def test_settings_are_read_from_the_environment():
    settings = read_settings(COMPLETE)

    assert settings.feed.operation == "put_events"
    assert (settings.calls_per_second, settings.concurrent_calls) == (62.5, 32)


def test_all_that_is_missing_is_named_at_once():
    with pytest.raises(BadSettings) as raised:
        read_settings({})

    required = {name for name, field in Settings.model_fields.items() if field.is_required()}
    assert all(name.upper() in str(raised.value) for name in required)
    told = [part.partition(": ")[0] for part in str(raised.value).split("; ")]
    assert sorted(told) == sorted(name.upper() for name in required)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEED", "canary"),
        ("TARGET", ""),
        ("CALLS_PER_SECOND", "0"),
        ("CALLS_PER_SECOND", "canary"),
        ("CONCURRENT_CALLS", "0"),
        ("CONCURRENT_CALLS", "257"),
    ],
)
def test_an_unusable_setting_is_named_but_not_shown(name, value):
    with pytest.raises(BadSettings, match=name) as raised:
        read_settings({**COMPLETE, name: value})

    assert "canary" not in str(raised.value)


def test_an_unknown_feed_is_answered_with_those_that_exist():
    with pytest.raises(BadSettings, match="wants one of events, items, users, actions, action-"):
        read_settings({**COMPLETE, "FEED": "clicks"})
