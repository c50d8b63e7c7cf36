"""What a rejection tells its producer, word by word: the reason, the field, got and wants."""

import base64
import gzip
import json
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import ARRIVAL, SHARD, document, document_of, lambda_event, parser_of, record
from kpl_producer import MAGIC, aggregate, member, seal

from forwarder.compression import MOST_BYTES
from forwarder.outcomes import Document, Entry, Reason, Rejected
from forwarder.records import MOST_DOCUMENTS, NotAKinesisBatch, decode, unpack

TIME = "wants seconds, milliseconds or microseconds since 1970"
ISO = "got a text that is no time, wants ISO 8601 or a number of seconds since 1970"
RESERVED = "eventtype, impression, recommendationid, sessionid, timestamp, userid"


def rejection(feed: str, data: object) -> tuple[str, str | None, str]:
    whole = document(data)
    (outcome,) = parser_of(feed)(whole)
    assert isinstance(outcome, Rejected)
    assert outcome.document is whole
    return outcome.reason.value, outcome.field, outcome.detail


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (7, "bad_properties", "got a number, wants an object or a text that holds one"),
        ("nope", "bad_properties", "got a text that is not JSON, wants a JSON object"),
        ("[1]", "bad_properties", "got JSON that is no object, wants an object"),
        ({"a": {"b": 1}}, "bad_properties", "got an object inside, wants one flat level"),
        ({"a": [[1]]}, "bad_properties", "got a list inside, wants one flat level"),
        (
            {"a_b": 1, "aB": 2},
            "bad_properties",
            "got two names that become the same in camelCase",
        ),
        (
            {"n": 2.0**63},
            "bad_properties",
            "got a number too large to keep exactly, wants it as a text",
        ),
        (
            {"l": ["a|b"]},
            "bad_properties",
            "got a list value that contains '|', wants the categories apart",
        ),
        ({"USERID": 1}, "reserved_property", f"got a reserved word, wants none of {RESERVED}"),
        ({"x": "y" * 1017}, "wrong_length", "got 1025 bytes, wants at most 1024"),
    ],
)
def test_what_is_wrong_with_properties_is_said(value, reason, detail):
    found = rejection("events", document_of("events", properties=value))

    assert found == (reason, "properties", detail)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (True, "got a boolean, wants a time"),
        ([], "got a list, wants a time"),
        ("noon", ISO),
        ("1790000000.5.1", ISO),
        ("1790000000-", ISO),
        ("2026-99-99", ISO),
        (7, "got a time before 2000, wants the time of the event"),
        ("-7", "got a time before 2000, wants the time of the event"),
        (10**17, f"got a number beyond any date, {TIME}"),
        ("9" * 20, f"got a number beyond any date, {TIME}"),
        (
            ARRIVAL + 24 * 60 * 60 + 1,
            "got a time over a day after the record arrived, wants the time of the event",
        ),
    ],
)
def test_what_is_wrong_with_a_time_is_said(value, detail):
    found = rejection("events", document_of("events", sentAt=value))

    assert found == ("wrong_time", "sentAt", detail)


def test_a_text_without_an_offset_is_utc_and_one_with_an_offset_is_not():
    at = datetime(2026, 9, 21, 12, tzinfo=UTC).timestamp()
    for text in ("2026-09-21T12:00:00", "2026-09-21T14:00:00+02:00", "2026-09-21T12:00:00Z"):
        (outcome,) = parser_of("events")(document(document_of("events", sentAt=text)))
        assert isinstance(outcome, Entry)
        assert json.loads(outcome.body)["sentAt"] == at


@pytest.mark.parametrize(
    ("feed", "fields", "found"),
    [
        ("events", {"itemId": " NULL"}, ("placeholder_id", "got a placeholder, wants the real id")),
        (
            "events",
            {"itemId": "a\0"},
            ("wrong_value", "got a text with a NUL character, wants one without"),
        ),
        ("events", {"itemId": 7}, ("wrong_type", "got a number, wants a text")),
        (
            "events",
            {"itemId": "x" * 257},
            ("wrong_length", "got a text, String should have at most 256 characters"),
        ),
        ("events", {"eventValue": "1"}, ("wrong_type", "got a text, wants a number")),
        ("events", {"metricAttribution": 7}, ("wrong_type", "got a number, wants an object")),
        ("events", {"itmeId": 7}, ("unknown_field", "got a number, the API has no such field")),
        ("events", {"sessionId": None}, ("missing_field", "got null, wants a text")),
        ("events", {"sentAt": None}, ("missing_field", "got null, wants a time")),
        ("events", {"eventList": 7}, ("wrong_type", "got a number, wants a list")),
        (
            "events",
            {"eventList": []},
            ("wrong_length", "got an empty list, wants at least one entry"),
        ),
        (
            "events",
            {"trackingId": "other"},
            ("wrong_target", "got another target, wants the feed's own or none"),
        ),
        (
            "action-interactions",
            {"eventType": "Clicked"},
            ("wrong_value", "got another text, wants one of Viewed, Taken, Not Taken"),
        ),
    ],
)
def test_what_is_wrong_with_a_field_is_said(feed, fields, found):
    reason, field, detail = rejection(feed, document_of(feed, **fields))

    assert (reason, detail) == found
    assert [field] == list(fields)


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"[1]", "a list"),
        (b"7", "a number"),
        (b"1.5", "a number"),
        (b'"a"', "a text"),
        (b"null", "null"),
        (b"true", "a boolean"),
    ],
)
def test_what_a_document_is_instead_of_an_object_is_said(data, got):
    assert rejection("events", data) == ("not_an_object", None, f"got {got}, wants an object")


def test_where_the_json_breaks_is_said():
    found = rejection("events", b'{"a": 1,\n"b"')

    assert found == ("not_json", None, "unexpected end of data at line 2 column 4")


CUT_SHORT = "got an aggregate that is cut short or no protobuf message"
NO_DATA = "got an aggregate with a record that has no data"
NO_KEY = "got an aggregate with a record whose partition key is not in its table"
KEY = member(1, b"key")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (aggregate(b"{}")[:-1], "got an aggregate whose MD5 does not match"),
        (MAGIC + b"\0" * 15, "got an aggregate whose MD5 does not match"),
        (seal(b""), "got an aggregate that holds no record"),
        (seal(KEY + b"\x1a\x05a"), CUT_SHORT),
        (seal(member(1, b"\xff")), CUT_SHORT),
        (seal(KEY + b"\xff" * 11), CUT_SHORT),
        (seal(KEY + b"\x08"), CUT_SHORT),
        (seal(KEY + b"\x0c"), "got an aggregate with a field of an unknown kind"),
        (seal(KEY + member(3, member(1, 1) + member(3, b"{}"))), NO_KEY),
        (seal(KEY + member(3, member(3, b"{}"))), NO_KEY),
        (seal(KEY + member(3, member(1, b"\0") + member(3, b"{}"))), NO_KEY),
        (seal(KEY + member(3, member(1, 0))), NO_DATA),
        (seal(KEY + member(3, member(1, 0) + member(3, 7))), NO_DATA),
        (aggregate(aggregate(b"{}")), "got an aggregate inside an aggregate"),
    ],
)
def test_what_is_wrong_with_an_aggregate_is_said(data, detail):
    (outcome,) = unpack(record(0, data))

    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.field, outcome.element) == (Reason.BAD_AGGREGATE, None, None)
    assert outcome.detail == detail
    assert outcome.document.data == data


def test_fields_of_a_fixed_size_are_passed_over():
    """Fields of 8 and of 4 bytes, and a number as long as the format allows."""
    strange = b"\x79" + struct.pack("<q", 1) + b"\x7d" + struct.pack("<i", 1)
    longest = b"\x78" + b"\x80" * 9 + b"\x01"
    part = strange + longest + member(1, 0) + member(3, b"{}")
    (outcome,) = unpack(record(0, seal(strange + KEY + longest + member(3, part))))

    assert not isinstance(outcome, Rejected)
    assert (outcome.partition_key, outcome.data) == ("key", b"{}")


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", Reason.EMPTY_RECORD, "got no document"),
        (b"\x1f\x8b1234567890", Reason.BAD_COMPRESSION, "got broken gzip data"),
        (b"\x1f\x8b\x08", Reason.BAD_COMPRESSION, "got compressed data that ends early"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 30, Reason.BAD_COMPRESSION, "got broken zstd data"),
        (b"\x28\xb5\x2f\xfd", Reason.BAD_COMPRESSION, "got compressed data that ends early"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(data, reason, detail):
    (outcome,) = unpack(record(0, data))

    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.detail, outcome.element) == (reason, detail, None)


def test_what_lambda_did_not_send_is_said():
    event: dict[str, Any] = lambda_event([record(0, b"{}")])
    with pytest.raises(NotAKinesisBatch, match=r"^Lambda's argument lacks 'Records'$"):
        decode({})
    event["Records"][0]["kinesis"]["sequenceNumber"] = "x"
    with pytest.raises(NotAKinesisBatch, match=r"^Lambda's argument has another form$"):
        decode(event)


def test_the_shard_is_what_stands_before_the_first_colon():
    event = lambda_event([record(0, b"{}")])
    event["Records"][0]["eventID"] = f"{SHARD}:1:2"

    assert decode(event)[0].shard == SHARD


def test_broken_and_empty_parts_of_an_aggregate_keep_their_places_keys_and_bytes():
    broken = b"\x1f\x8bbroken"
    keys = member(1, b"one") + member(1, b"two")
    parts = [(0, b"{}"), (1, b" "), (1, broken), (0, b"\n"), (1, b"[]")]
    message = keys + b"".join(member(3, member(1, n) + member(3, data)) for n, data in parts)
    whole = record(0, seal(message))

    outcomes = unpack(whole)

    documents = [each.document if isinstance(each, Rejected) else each for each in outcomes]
    assert [each.number for each in documents] == [0, 1, 2, 3, 4]
    assert [each.partition_key for each in documents] == ["one", "two", "two", "one", "two"]
    assert [each.data for each in documents] == [b"{}", b" ", broken, b"\n", b"[]"]
    assert all(each.record is whole for each in documents)
    reasons = [each.reason for each in outcomes if isinstance(each, Rejected)]
    assert reasons == [Reason.EMPTY_RECORD, Reason.BAD_COMPRESSION, Reason.EMPTY_RECORD]


def test_data_that_is_not_base64_leads_back_to_its_record():
    broken = record(0, b"{}")._replace(data="{")
    (outcome,) = unpack(broken)

    assert outcome == Rejected(
        Document(broken, 0, "k", b"{"),
        None,
        Reason.NOT_BASE64,
        None,
        "got data that is not base64",
    )


def test_what_is_rejected_whole_leads_back_to_its_record_and_says_why():
    bomb = record(0, gzip.compress(bytes(MOST_BYTES + 1)))
    many = record(0, b"{}\n" * (MOST_DOCUMENTS + 1))
    for whole, reason, detail in (
        (
            bomb,
            Reason.BAD_COMPRESSION,
            f"got compressed data that inflates past {MOST_BYTES} bytes",
        ),
        (
            many,
            Reason.TOO_LARGE,
            f"got more documents than {MOST_DOCUMENTS}, wants at most so many",
        ),
    ):
        (outcome,) = unpack(whole)
        data = base64.b64decode(whole.data)
        assert outcome == Rejected(Document(whole, 0, "k", data), None, reason, None, detail)


def test_the_most_documents_are_not_too_many():
    assert len(unpack(record(0, b"{}\n" * MOST_DOCUMENTS))) == MOST_DOCUMENTS
