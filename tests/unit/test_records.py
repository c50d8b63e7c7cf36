"""Decoding and unpacking: nothing vanishes, whatever a record holds."""

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence

import pytest
import zstandard
from builders import ARRIVAL, SHARD, STREAM, lambda_event, record

from forwarder import compression, kpl, records
from forwarder.outcomes import Document, Reason, Record, Rejected
from forwarder.records import NotAKinesisBatch, decode, unpack

A, B, C = b'{"a":1}', b'{"b":2}', b'{"c":3}'


def raw(data: bytes) -> Record:
    return record(0, data)


def texts(outcomes: Sequence[Document | Rejected]) -> list[bytes]:
    return [each.data for each in outcomes if isinstance(each, Document)]


def only(outcomes: Sequence[Document | Rejected]) -> Rejected:
    (outcome,) = outcomes
    assert isinstance(outcome, Rejected)
    return outcome


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sealed(message: bytes) -> bytes:
    return kpl.MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


def aggregate(*parts: bytes, keys: Sequence[str] = ("pk",), index: int = 0) -> bytes:
    table = b"".join(field(1, key.encode()) for key in keys)
    return sealed(table + b"".join(field(3, field(1, index) + field(3, part)) for part in parts))


# --- the envelope ------------------------------------------------------------------------------


def test_a_batch_is_decoded_in_order_with_all_that_leads_back():
    batch = [record(0, A), record(1, B, partition_key=None)]

    assert decode(lambda_event(batch)) == batch


def test_fields_that_lambda_adds_later_do_no_harm():
    event = lambda_event([record(0, A)])
    event["Records"][0] |= {"eventVersion": "9.9", "new": {}}
    event["Records"][0]["kinesis"] |= {"encryptionType": "KMS", "new": 1}

    assert len(decode(event)) == 1


def test_a_sequence_number_is_kept_to_the_letter():
    """Lambda takes an identifier that it does not know for a failure of the whole batch."""
    event = lambda_event([record(0, A)])
    event["Records"][0]["kinesis"]["sequenceNumber"] = "00049"

    assert decode(event)[0].sequence == "00049"


def test_an_absent_partition_key_is_none():
    event = lambda_event([record(0, A)])
    del event["Records"][0]["kinesis"]["partitionKey"]

    assert decode(event)[0].partition_key is None


def test_an_empty_batch_is_empty():
    assert decode({"Records": []}) == []


@pytest.mark.parametrize("lacking", ["sequenceNumber", "data", "approximateArrivalTimestamp"])
def test_a_record_that_lacks_what_lambda_sends_fails_the_batch_without_its_payload(lacking):
    event = lambda_event([record(0, {"secret": "canary"})])
    del event["Records"][0]["kinesis"][lacking]

    with pytest.raises(NotAKinesisBatch) as raised:
        decode(event)

    assert lacking in str(raised.value)
    assert event["Records"][0].get("data", "canary") not in str(raised.value)


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": [{}]}, {"Records": [None]}])
def test_what_is_no_kinesis_batch_is_an_error(event):
    with pytest.raises(NotAKinesisBatch):
        decode(event)


# --- base64 and text ---------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["YWJj!!", "YW Jj", "abc", "YWJj\n", "é", "====", "YWJj="])
def test_base64_is_strict_and_the_text_is_kept(data):
    outcome = only(unpack(record(0, A)._replace(data=data)))

    assert outcome.reason is Reason.NOT_BASE64
    assert outcome.document.data == data.encode("ascii", "replace") or data == "é"


def test_a_text_that_no_encoding_has_is_kept_as_far_as_it_can_be():
    outcome = only(unpack(record(0, A)._replace(data="\ud800A")))

    assert (outcome.reason, outcome.document.data) == (Reason.NOT_BASE64, b"?A")


@pytest.mark.parametrize("data", [A, gzip.compress(A), b"\n" + A + b" "])
def test_a_record_that_is_one_document_is_its_first_and_has_its_key(data):
    assert unpack(raw(data)) == [Document(raw(data), 0, raw(data).partition_key, A)]


@pytest.mark.parametrize("data", [b"", b"   ", b"\n\n", gzip.compress(b"")])
def test_a_record_without_a_document_is_rejected(data):
    outcome = only(unpack(raw(data)))

    assert outcome.reason is Reason.EMPTY_RECORD


def test_lines_are_documents_and_blank_lines_are_nothing():
    outcomes = unpack(raw(A + b"\n\n" + B + b"\r\n" + C + b"\n"))

    assert texts(outcomes) == [A, B, C]
    assert [each.number for each in outcomes if isinstance(each, Document)] == [0, 1, 2]


def test_a_document_may_span_lines():
    pretty = json.dumps({"a": {"b": 1}, "c": [1, 2]}, indent=2).encode()

    assert texts(unpack(raw(pretty))) == [pretty]


def test_a_broken_line_stands_for_itself_only():
    assert texts(unpack(raw(A + b"\n{broken\n" + C))) == [A, b"{broken", C]


def test_broken_text_of_many_lines_is_one_document():
    broken = b'{\n  "a": 1,\n  "b":\n'

    assert texts(unpack(raw(broken))) == [broken.strip()]


def test_too_many_documents_are_one_rejection():
    data = b"\n".join([b"{}"] * (records.MOST_DOCUMENTS + 1))

    outcome = only(unpack(raw(data)))

    assert outcome.reason is Reason.TOO_LARGE
    assert outcome.document.data == data


# --- compression -------------------------------------------------------------------------------


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_compressed_records_are_inflated(pack):
    assert texts(unpack(raw(pack(A + b"\n" + B)))) == [A, B]


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_all_members_of_a_compressed_record_count(pack):
    assert texts(unpack(raw(pack(A + b"\n") + pack(B)))) == [A, B]


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
@pytest.mark.parametrize("cut", [5, -1, -8])
def test_compressed_data_that_ends_early_is_rejected_whole(pack, cut):
    data = pack(A * 50)[:cut]

    outcome = only(unpack(raw(data)))

    assert (outcome.reason, outcome.document.data) == (Reason.BAD_COMPRESSION, data)


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_broken_compressed_data_is_rejected_whole(pack):
    data = bytearray(pack(bytes(range(256)) * 40))
    data[len(data) // 2] ^= 0xFF
    data[-3] ^= 0xFF

    assert only(unpack(raw(bytes(data)))).reason is Reason.BAD_COMPRESSION


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_a_bomb_is_rejected_and_the_limit_itself_is_not(pack):
    most = compression.MOST_BYTES

    assert len(compression.inflate(pack(b" " * most))) == most
    with pytest.raises(compression.Bomb, match=f"inflates past {most} bytes"):
        compression.inflate(pack(b" " * (most + 1)))


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_the_parts_of_an_aggregate_share_the_limit(pack):
    """Each part would fit alone; together they would fill the function's memory."""
    part = pack(b" " * (compression.MOST_BYTES // 4))
    data = aggregate(A, *[part] * 5)

    outcome = only(unpack(raw(data)))

    assert (outcome.reason, outcome.document.data) == (Reason.BAD_COMPRESSION, data)
    assert len(unpack(raw(aggregate(A, *[part] * 4)))) == 5


def test_zeros_behind_a_gzip_member_are_padding_and_behind_a_zstd_frame_are_not():
    padded = gzip.compress(A) + bytes(701)

    assert texts(unpack(raw(padded))) == [A]
    assert texts(unpack(raw(padded + gzip.compress(B)))) == [A + B]
    assert only(unpack(raw(zstd(A) + bytes(7)))).reason is Reason.BAD_COMPRESSION


def test_data_that_is_not_compressed_is_passed_on():
    assert compression.inflate(A) is A


# --- aggregates --------------------------------------------------------------------------------


def test_an_aggregate_is_split_into_its_records_with_their_keys():
    table = field(1, b"k0") + field(1, b"k1") + field(2, b"hash")
    parts = field(3, field(1, 1) + field(2, 0) + field(3, A)) + field(3, field(1, 0) + field(3, B))

    outcomes = unpack(raw(sealed(table + parts)))

    assert texts(outcomes) == [A, B]
    assert [each.partition_key for each in outcomes if isinstance(each, Document)] == ["k1", "k0"]
    assert [each.number for each in outcomes if isinstance(each, Document)] == [0, 1]


def test_a_part_of_an_aggregate_may_be_compressed_and_have_lines():
    data = aggregate(gzip.compress(A + b"\n" + B), C)

    assert texts(unpack(raw(data))) == [A, B, C]


def test_a_broken_part_of_an_aggregate_is_rejected_among_its_neighbours():
    broken = gzip.compress(B)[:-4]

    first, second, third = unpack(raw(aggregate(A, broken, C)))

    assert isinstance(first, Document)
    assert isinstance(second, Rejected)
    assert isinstance(third, Document)
    assert (second.reason, second.document.data) == (Reason.BAD_COMPRESSION, broken)
    assert [first.number, second.document.number, third.number] == [0, 1, 2]


def test_tags_and_fields_of_later_versions_are_passed_over():
    part = field(1, 0) + field(3, A) + field(4, field(1, b"tag"))
    later = field(9, 300) + varint(10 << 3 | 1) + b"8bytes.." + varint(11 << 3 | 5) + b"4by."

    assert texts(unpack(raw(sealed(field(1, b"k") + field(3, part) + later)))) == [A]


@pytest.mark.parametrize(
    "data",
    [
        kpl.MAGIC,
        kpl.MAGIC + b"x" * 16,
        aggregate(A)[:-1] + b"?",
        aggregate(A)[:-20],
        aggregate(),
        aggregate(A, B, index=1),
        aggregate(aggregate(A)),
        sealed(field(1, b"k") + field(3, field(1, 0))),
        sealed(field(1, b"k") + field(3, field(3, A))),
        sealed(field(1, b"\xff") + field(3, field(1, 0) + field(3, A))),
        sealed(b"\xff" * 12),
        sealed(field(1, b"k") + varint(3 << 3 | 2) + varint(500)),
        sealed(field(1, b"k") + varint(3 << 3 | 3)),
    ],
    ids=range(13),
)
def test_a_bad_aggregate_is_rejected_whole(data):
    outcome = only(unpack(raw(data)))

    assert (outcome.reason, outcome.document.data) == (Reason.BAD_AGGREGATE, data)


def test_origins_lead_back_to_the_record():
    (document,) = unpack(raw(A))

    assert isinstance(document, Document)
    assert document.record.stream_name == "clicks"
    assert (document.record.stream, document.record.shard) == (STREAM, SHARD)
    assert document.record.arrival == ARRIVAL
    assert base64.b64decode(document.record.data) == A
