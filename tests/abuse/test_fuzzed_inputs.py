"""Whatever bytes come: documents or one reason, entries or a reason each, and no exception."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from anything import contents, mutated, values, whole
from builders import TARGETS, document, lambda_event, parser_of, record
from hypothesis import given, settings
from hypothesis import strategies as st
from kpl_producer import MAGIC, aggregate, member, seal

from forwarder.destinations import DESTINATIONS
from forwarder.outcomes import Call, Entry, Reason, Rejected
from forwarder.records import NotAKinesisBatch, decode, unpack

PACKS: list[Callable[[bytes], bytes]] = [
    bytes,
    gzip.compress,
    zstandard.ZstdCompressor().compress,
    aggregate,
    lambda data: aggregate(data, b"{}", data),
    lambda data: aggregate(gzip.compress(data)),
    lambda data: seal(member(1, data) + member(3, data)),
    lambda data: MAGIC + data,
    lambda data: data + b"\n{}\n" + data,
]


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    feed = draw(st.sampled_from(sorted(DESTINATIONS)))
    data = draw(st.one_of(st.binary(max_size=60), contents(feed).map(whole)))
    for pack in draw(st.lists(st.sampled_from(PACKS), max_size=3)):
        data = pack(data)
    return draw(st.one_of(st.just(data), mutated(data)))


@given(packed())
@settings(max_examples=200, deadline=None)
def test_any_bytes_become_documents_and_none_of_them_vanishes(data):
    outcomes = unpack(record(0, data))

    documents = [each.document if isinstance(each, Rejected) else each for each in outcomes]
    assert [each.number for each in documents] == list(range(len(documents)))
    assert documents
    if any(isinstance(each, Rejected) and each.document.data == data for each in outcomes):
        assert len(outcomes) == 1


@given(st.data())
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("feed", DESTINATIONS)
def test_any_document_becomes_valid_entries_or_a_reason_each(feed, data):
    content = data.draw(contents(feed))
    raw = data.draw(st.one_of(st.just(whole(content)), mutated(whole(content))))

    outcomes = parser_of(feed)(document(raw))

    assert outcomes
    for each in outcomes:
        if isinstance(each, Rejected):
            assert each.reason in Reason
            assert each.detail
            continue
        assert isinstance(each, Entry)
        request = json.loads(Call((each,)).body, parse_constant=pytest.fail)
        destination = DESTINATIONS[feed]
        assert request[destination.target] == TARGETS[destination.target]
        # What goes out is what the shapes describe: parsed again, it stays what it is.
        (again,) = parser_of(feed)(document(Call((each,)).body))
        assert isinstance(again, Entry)
        assert (again.body, again.shared) == (each.body, each.shared)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_argument_is_a_batch_or_fails_without_a_word_of_it(data):
    event: Any = lambda_event([record(0, b"{}"), record(1, b"{}")])
    place = data.draw(st.sampled_from(["whole", "Records", "record", "kinesis", "field"]))
    value = data.draw(values)
    match place:
        case "whole":
            event = value
        case "Records":
            event["Records"] = value
        case "record":
            event["Records"][1] = value
        case "kinesis":
            event["Records"][1]["kinesis"] = value
        case "field":
            field = data.draw(st.sampled_from(sorted(event["Records"][1]["kinesis"])))
            event["Records"][1]["kinesis"][field] = value
    told = ""
    try:
        assert all(map(unpack, decode(event)))
    except NotAKinesisBatch as error:
        told = str(error).removeprefix("Lambda's argument")
    assert told in KNOWN


KNOWN = {"", " has another form"} | {
    f" lacks {name!r}"
    for name in (
        "Records",
        "kinesis",
        "sequenceNumber",
        "data",
        "approximateArrivalTimestamp",
        "eventID",
        "eventSourceARN",
    )
}
