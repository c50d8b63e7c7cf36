"""Cases 1-18: what producers and the platform may hand over.

Whatever it is costs itself only: each test puts it between good records, which are delivered.
"""

import json
import time
from typing import Any

import pytest
from builders import ARRIVAL, document_of
from rig import Rig

SENT_AT = 1_789_999_000


def event(**fields: Any) -> dict[str, Any]:
    return document_of("events", **fields)


def text(**fields: Any) -> bytes:
    return json.dumps(event(**fields)).encode()


def reasons(shard: Rig, *documents: bytes | dict[str, Any], **options: Any) -> list[list[str]]:
    """Put each document between good records, and say why it was rejected."""
    shard.good()
    sequences = [shard.put(each, **options) for each in documents]
    shard.good()
    shard.run()
    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (2, len(documents))
    found = shard.reasons()
    return [found[sequence] for sequence in sequences]


def delivered(shard: Rig, *documents: bytes | dict[str, Any]) -> list[dict[str, Any]]:
    """Put the documents, and read back what Personalize has of them."""
    for each in documents:
        shard.put(each)
    shard.run()
    balance = shard.balance().check()
    assert balance.delivered == balance.entries == len(documents)
    return shard.stored()


def of_length(length: int, filler: str = "x") -> str:
    """A properties text of so many bytes."""
    room = length - len('{"a":""}')
    return (
        '{"a":"'
        + filler * (room // len(filler.encode()))
        + "x" * (room % len(filler.encode()))
        + '"}'
    )


def unencoded(data: bytes):
    """An envelope whose data is this text, as it is."""

    def change(entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "kinesis": {**entry["kinesis"], "data": data.decode()}}

    return change


@pytest.mark.case(1)
@pytest.mark.case(2)
def test_data_that_is_not_base64_to_the_letter_is_a_dead_letter_and_its_neighbours_are_delivered(
    rig,
):
    shard = rig()
    shard.good()
    texts = [b"%%%%", b"YWJ", b"YWJj=", b"YWJj!!==", b"YW Jj", b"YWJj\n"]
    sequences = [shard.put(each, envelope=unencoded(each)) for each in texts]
    shard.good()

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (2, len(texts))
    assert [shard.reasons()[each] for each in sequences] == [["not_base64"]] * len(texts)


@pytest.mark.case(3)
def test_text_that_is_not_utf_8_has_a_byte_order_mark_or_is_empty_is_a_dead_letter(rig):
    texts = [b"\xff\xfe{}", b'{"sessionId":"\xe9"}', b"\xef\xbb\xbf" + text(), b"", b"\n \n"]

    found = reasons(rig(), *texts)

    assert found == [["not_json"], ["not_json"], ["not_json"], ["empty_record"], ["empty_record"]]


@pytest.mark.case(4)
def test_what_is_not_json_or_no_object_is_a_dead_letter(rig):
    found = reasons(rig(), b"{broken", b"plain text", b"[1,2]", b"7", b'"text"', b"null", b"true")

    assert found == [["not_json"]] * 2 + [["not_an_object"]] * 5


@pytest.mark.case(5)
def test_deep_nesting_is_a_dead_letter_within_bounded_time(rig):
    deep = b'{"properties":' * 2_000 + b"1" + b"}" * 2_000
    shard = rig()
    began = time.monotonic()

    found = reasons(shard, deep, b"[" * 2**20, b'{"a":[' * 100_000)

    assert found == [["not_json"]] * 3
    assert shard.deaths == 0
    assert time.monotonic() - began < 20


@pytest.mark.case(6)
def test_of_a_repeated_key_the_last_one_counts(rig):
    repeated = text(itemId="first")[:-1] + b',"itemId":"last"}'

    (stored,) = delivered(rig(), repeated)

    assert stored["itemId"] == "last"


@pytest.mark.case(7)
def test_nan_and_infinity_are_dead_letters_and_never_emitted(rig):
    values = [b"NaN", b"Infinity", b"-Infinity", b"1e400"]
    plain = [text()[:-1] + b',"eventValue":' + value + b"}" for value in values]
    nested = [text()[:-1] + b',"properties":{"a":' + value + b"}}" for value in values]
    inside = [text(properties='{"a":' + value.decode() + "}") for value in values]
    shard = rig()

    reasons(shard, *plain, *nested, *inside)

    assert "NaN" not in json.dumps(shard.stored())


@pytest.mark.case(8)
def test_lone_surrogates_and_nul_in_ids_are_dead_letters(rig):
    ids = ("sessionId", "userId", "itemId", "eventId")
    texts = [text()[:-1] + f',"{name}":"a\\ud800b"}}'.encode() for name in ids]
    nuls = [event(**{name: "a\0b"}) for name in ids]

    found = reasons(rig(), *texts, *nuls)

    assert found == [["not_json"]] * len(ids) + [["wrong_value"]] * len(ids)


@pytest.mark.case(9)
@pytest.mark.parametrize("absent", ["missing", "null", "empty"])
def test_a_required_field_that_is_absent_null_or_empty_is_a_dead_letter(rig, absent):
    documents = []
    for name in ("sessionId", "eventType", "sentAt"):
        document = event(
            **({} if absent == "missing" else {name: None if absent == "null" else ""})
        )
        if absent == "missing":
            del document[name]
        documents.append(document)

    found = reasons(rig(), *documents)

    if absent == "empty":
        assert found == [["wrong_length"], ["wrong_length"], ["wrong_time"]]
    else:
        assert found == [["missing_field"]] * 3


@pytest.mark.case(9)
def test_an_optional_field_that_is_null_is_left_out(rig):
    names = ("itemId", "userId", "eventValue", "impression", "recommendationId", "properties")

    (stored,) = delivered(rig(), event(**dict.fromkeys(names)))

    assert not stored.keys() & set(names)


@pytest.mark.case(10)
@pytest.mark.parametrize(
    ("feed", "most"), [("events", 1024), ("users", 24_000), ("items", 32_000), ("actions", 32_000)]
)
def test_properties_are_taken_to_the_byte_and_never_cut_short(rig, feed, most):
    names = {"users": "userId", "items": "itemId", "actions": "actionId", "events": "itemId"}
    shard = rig(feed=feed)
    for number, (length, filler) in enumerate(
        [(most, "x"), (most + 1, "x"), (most, "é"), (most + 1, "é"), (most + 1, "😀")]
    ):
        fields = {names[feed]: f"i{number}", "properties": of_length(length, filler)}
        shard.put(document_of(feed, **fields))

    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (2, 3)
    assert [len(each["properties"].encode()) for each in shard.stored()] == [most, most]
    assert set(map(tuple, shard.reasons().values())) == {("wrong_length",)}


@pytest.mark.case(11)
def test_a_reserved_word_in_any_case_is_a_dead_letter_before_the_call(rig):
    words = ["userId", "USERID", "SessionID", "eventtype", "TIMESTAMP", "recommendationId"]
    shard = rig()

    found = reasons(
        shard,
        *(event(properties={word: "x"}) for word in words),
        *(event(properties=json.dumps({word: "x"})) for word in words),
    )

    assert found == [["reserved_property"]] * 2 * len(words)
    assert [call["entries"] for call in shard.endpoint.calls()] == [2]


@pytest.mark.case(12)
def test_limits_are_kept_to_the_character(rig):
    within = [
        event(sessionId="s" * 256, userId="u" * 256, itemId="i" * 256, eventType="t" * 256),
        event(impression=[f"i{n}" for n in range(25)]),
        event(recommendationId="r" * 40),
        event(metricAttribution={"eventAttributionSource": "a" * 1024}),
    ]
    beyond = [
        *(event(**{name: "x" * 257}) for name in ("sessionId", "userId", "itemId", "eventType")),
        event(impression=[f"i{n}" for n in range(26)]),
        event(impression=[]),
        event(recommendationId="r" * 41),
        event(metricAttribution={"eventAttributionSource": "a" * 1025}),
        event(metricAttribution={"eventAttributionSource": "   "}),
    ]
    shard = rig()

    for each in [*within, *beyond]:
        shard.put(each)
    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (len(within), len(beyond))


@pytest.mark.case(13)
def test_a_time_of_any_spelling_is_whole_seconds_on_the_wire(rig):
    spellings = [
        SENT_AT,
        SENT_AT * 1_000 + 999,
        SENT_AT * 1_000_000 + 1,
        float(SENT_AT) + 0.75,
        str(SENT_AT),
        f"{SENT_AT}123",
        "2026-09-21T13:56:40Z",
        "2026-09-21T15:56:40.999+02:00",
        "2026-09-21T13:56:40",
    ]

    stored = delivered(rig(), *(event(sentAt=spelling) for spelling in spellings))

    assert {each["sentAt"] for each in stored} == {SENT_AT}
    assert all(type(each["sentAt"]) is int for each in stored)


@pytest.mark.case(13)
def test_a_time_out_of_range_or_that_is_none_is_a_dead_letter(rig):
    day = 24 * 60 * 60
    times = [True, -1, 0, 4_102_444_800, ARRIVAL + day + 60, "yesterday", "", [SENT_AT], 10**19]

    found = reasons(rig(), *(event(sentAt=each) for each in times))

    assert found == [["wrong_time"]] * len(times)


@pytest.mark.case(13)
def test_a_clock_that_is_hours_ahead_is_no_reason_to_reject(rig):
    (stored,) = delivered(rig(), event(sentAt=ARRIVAL + 6 * 60 * 60))

    assert stored["sentAt"] == ARRIVAL + 6 * 60 * 60


@pytest.mark.case(14)
def test_an_event_of_more_than_10_kb_is_a_dead_letter(rig):
    long_ids = ["é" * 250 + str(n) for n in range(10, 35)]

    assert reasons(rig(), event(impression=long_ids)) == [["too_large"]]


@pytest.mark.case(15)
def test_a_record_without_a_partition_key_is_delivered(rig):
    shard = rig()

    def without_key(entry: dict[str, Any]) -> dict[str, Any]:
        del entry["kinesis"]["partitionKey"]
        return entry

    shard.put(event(itemId="absent"), partition_key=None, envelope=without_key)
    shard.put(event(itemId="no-key"), partition_key=None)
    shard.put(b"{broken", partition_key=None)
    shard.run()

    balance = shard.balance().check()
    assert (balance.delivered, balance.rejected) == (2, 1)


@pytest.mark.case(16)
def test_what_the_platform_may_add_to_a_record_does_no_harm(rig):
    def extended(entry: dict[str, Any]) -> dict[str, Any]:
        kinesis = {**entry["kinesis"], "encryptionType": "KMS", "later": {"a": [1]}}
        return {**entry, "kinesis": kinesis, "eventVersion": "9.9", "more": None}

    shard = rig()
    shard.put(event(), envelope=extended)
    shard.run()

    assert shard.balance().check().delivered == 1


def _without_sequence(entry: dict[str, Any]) -> Any:
    del entry["kinesis"]["sequenceNumber"]
    return entry


@pytest.mark.case(17)
@pytest.mark.parametrize(
    "envelope", [_without_sequence, lambda _: {}, lambda _: None], ids=["no number", "{}", "None"]
)
def test_a_broken_envelope_fails_the_invocation_without_its_payload(rig, envelope):
    shard = rig(maximum_retry_attempts=-1, bisect_batch_on_function_error=False)
    shard.good()
    shard.put(event(itemId="canary"), envelope=envelope)

    shard.run(seconds=40)

    assert {answer["error"] for answer in shard.responses} == {"InvocationFailed"}
    assert "canary" not in json.dumps(shard.responses) + shard.log.read_text()
    balance = shard.balance().check()
    assert (balance.waiting, balance.delivered, balance.rejected) == (2, 0, 0)


@pytest.mark.case(18)
def test_an_argument_without_records_acknowledges_nothing_and_says_nothing(rig):
    shard = rig()

    assert shard.invoke({"Records": []}) == {"response": {"batchItemFailures": []}}
    arguments: tuple[Any, ...] = ({}, {"Records": None}, {"canary": 1}, [], "canary", None)
    for argument in arguments:
        answer = shard.invoke(argument)
        assert answer["error"] == "InvocationFailed"
        assert "canary" not in answer["text"]
    assert "canary" not in shard.log.read_text()
