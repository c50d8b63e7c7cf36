"""Packing: as few calls as can be, in lanes that keep sessions in order."""

from math import ceil

from builders import document, document_of, parser_of

from forwarder.outcomes import Entry, Lane
from forwarder.plan import coalesce, plan


def entry(feed: str, position: int, **fields: object) -> Entry:
    (made,) = parser_of(feed)(document(document_of(feed, **fields), position=position))
    assert isinstance(made, Entry)
    return made


def positions(lanes: list[Lane]) -> list[list[list[int]]]:
    return [
        [[each.document.record.position for each in call.entries] for call in lane]
        for lane in lanes
    ]


def test_nothing_needs_no_call():
    assert plan([]) == []


def test_entries_of_one_session_fill_calls_of_ten_in_order():
    lanes = plan([entry("events", n) for n in range(23)])

    assert positions(lanes) == [[list(range(10)), list(range(10, 20)), [20, 21, 22]]]


def test_sessions_have_lanes_of_their_own():
    lanes = plan([entry("events", n, sessionId=f"s{n % 2}") for n in range(4)])

    assert positions(lanes) == [[[0, 2]], [[1, 3]]]


def test_anonymous_and_known_events_of_a_session_are_separate_calls_of_one_lane():
    users = [None, None, "u1", "u1"]
    lanes = plan([entry("events", n, userId=user) for n, user in enumerate(users)])

    assert positions(lanes) == [[[0, 1], [2, 3]]]


def test_two_users_in_one_session_are_separate_calls_of_one_lane():
    lanes = plan([entry("events", n, userId=f"u{n % 2}") for n in range(4)])

    assert positions(lanes) == [[[0, 2], [1, 3]]]


def test_a_call_goes_by_its_oldest_entry_whatever_went_before_it():
    users = [None] * 11 + ["u1"]
    lanes = plan([entry("events", n, userId=user) for n, user in enumerate(users, start=2)])

    assert positions(lanes) == [[list(range(2, 12)), [12], [13]]]


def test_any_ten_action_interactions_share_a_call():
    lanes = plan([entry("action-interactions", n, sessionId=f"s{n}") for n in range(30)])

    assert [len(lane) for lane in lanes] == [1, 1, 1]


def test_calls_that_split_a_session_are_one_lane():
    """The session at places 8 to 12 is in two calls, which must not overtake each other."""
    sessions = ["x"] * 8 + ["y"] * 5 + ["z"] * 7 + ["w"] * 3
    lanes = plan([entry("action-interactions", n, sessionId=s) for n, s in enumerate(sessions)])

    assert [len(lane) for lane in lanes] == [2, 1]


def test_calls_of_many_sessions_keep_the_order_of_each():
    """The second call begins with the newest entry of x, and y's older ones end in the third."""
    entries = [
        *(entry("action-interactions", n, sessionId="x") for n in range(10)),
        *(entry("action-interactions", 10 + n, sessionId="y") for n in range(10)),
        entry("action-interactions", 20, sessionId="x"),
    ]

    (lane,) = plan(entries)

    assert positions([lane]) == [[[*range(10)], [20, *range(10, 19)], [19]]]


def test_a_session_that_spans_calls_is_not_overtaken_by_an_older_neighbour():
    """The third call holds an older entry than the second does, but also what comes after it."""
    entries = [
        entry("action-interactions", 0, sessionId="x"),
        entry("action-interactions", 1, sessionId="y"),
        *(entry("action-interactions", n, sessionId="x") for n in range(2, 26)),
    ]

    (lane,) = plan(entries)

    assert positions([lane]) == [[[0, *range(2, 11)], [*range(11, 21)], [*range(21, 26), 1]]]


def test_upserts_are_one_lane_a_call():
    lanes = plan([entry("items", n, itemId=f"i{n}") for n in range(25)])

    assert [len(lane) for lane in lanes] == [1, 1, 1]


def test_a_plan_costs_the_fewest_calls():
    sizes = {"a": 1, "b": 10, "c": 11, "d": 20, "e": 37}
    entries = [
        entry("events", n, sessionId=session)
        for session, size in sizes.items()
        for n in range(size)
    ]

    calls = sum(len(lane) for lane in plan(entries))

    assert calls == sum(ceil(size / 10) for size in sizes.values())


def test_of_several_updates_to_one_id_the_newest_is_sent():
    updates = [entry("items", n, itemId=item) for n, item in enumerate("abacab")]

    newest, older = coalesce(updates)

    assert [each.document.record.position for each in newest] == [3, 4, 5]
    assert [each.document.record.position for each in older] == [0, 2, 1]


def test_events_are_never_coalesced():
    events = [entry("events", n) for n in range(3)]

    assert coalesce(events) == (events, [])
