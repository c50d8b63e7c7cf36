"""Settling: the stream resumes at the oldest deferred record; no rejection is lost or doubled."""

from collections.abc import Iterable

from builders import document, document_of, parser_of, record

from forwarder.outcomes import Cause, Deferred, Delivered, Entry, Outcome, Reason, Rejected
from forwarder.settle import Settlement, settle

RECORDS = [record(n, {}) for n in range(10)]


def entry(position: int) -> Entry:
    (made,) = parser_of("events")(document(document_of("events"), position=position))
    assert isinstance(made, Entry)
    return made


def delivered(position: int) -> Delivered:
    return Delivered(entry(position))


def deferred(position: int) -> Deferred:
    return Deferred(document({}, position=position), None, Cause.THROTTLED)


def rejected(position: int) -> Rejected:
    return Rejected(document({}, position=position), None, Reason.NOT_JSON, None, "")


def settled(*outcomes: Outcome) -> Settlement:
    return settle(RECORDS, outcomes)


def positions(rejections: Iterable[Rejected]) -> list[int]:
    return [each.document.record.position for each in rejections]


def test_all_delivered_is_all_acknowledged():
    assert settled(delivered(0), delivered(1)).response() == {"batchItemFailures": []}


def test_an_empty_batch_is_acknowledged():
    assert settle([], []).response() == {"batchItemFailures": []}


def test_the_stream_resumes_at_the_oldest_deferred_record():
    settlement = settled(deferred(7), delivered(0), deferred(3))

    assert settlement.response() == {"batchItemFailures": [{"itemIdentifier": "1003"}]}


def test_rejections_before_the_resume_point_are_kept_and_the_others_wait():
    settlement = settled(rejected(9), rejected(1), deferred(3), rejected(3), rejected(0))

    assert positions(settlement.rejected) == [0, 1]
    assert positions(settlement.waiting) == [9, 3] or positions(settlement.waiting) == [3, 9]


def test_without_a_deferral_every_rejection_is_kept_in_stream_order():
    assert positions(settled(rejected(9), rejected(1)).rejected) == [1, 9]


def test_an_unkept_dead_letter_is_never_acknowledged():
    settlement = settled(rejected(1), deferred(3))

    assert settlement.response(unkept=1) == {"batchItemFailures": [{"itemIdentifier": "1001"}]}
    assert settlement.response(unkept=5) == {"batchItemFailures": [{"itemIdentifier": "1003"}]}


def test_a_batch_that_was_cut_resumes_at_the_cut():
    settlement = settle(RECORDS, [delivered(0), rejected(1)], cut_at=4)

    assert settlement.resume_at == 4
    assert positions(settlement.rejected) == [1]


def test_deferrals_are_counted_by_cause_and_rejections_by_reason():
    settlement = settled(deferred(3), deferred(4), rejected(1))

    assert settlement.deferred == {Cause.THROTTLED: 2}
    assert settlement.reasons == {Reason.NOT_JSON: 1}
