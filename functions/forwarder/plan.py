"""From entries to calls: the fewest that the API allows, in lanes that keep the order.

A destination's calls are grouped by what they share and filled with up to ten entries, so `n`
entries that share cost ⌈n/10⌉ calls and not one more. Calls that carry entries of one session
form one lane, which goes out in stream order; all other calls are free to go at the same time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter

from forwarder.destinations import ENTRIES_PER_CALL
from forwarder.outcomes import Call, Entry, Lane


def plan(entries: Iterable[Entry]) -> list[Lane]:
    """Pack entries, given in stream order, into the fewest calls.

    Entries of one session stay in stream order within what their calls share; of the calls of a
    lane the one with the oldest entry goes first. Of updates to one id only one may be given.
    """
    groups: defaultdict[bytes, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.shared].append(entry)
    turns = [turn for group in groups.values() for turn in _turns(tuple(_calls(group)))]
    return list(_lanes([call for _, call in sorted(turns, key=itemgetter(0))]))


def _calls(group: Sequence[Entry]) -> Iterator[Call]:
    # A session's entries stand together, so that it is spread over the fewest calls.
    sessions: defaultdict[str | None, list[Entry]] = defaultdict(list)
    for entry in group:
        sessions[entry.session].append(entry)
    together = [entry for session in sessions.values() for entry in session]
    for start in range(0, len(together), ENTRIES_PER_CALL):
        yield Call(tuple(together[start : start + ENTRIES_PER_CALL]))


def _turns(calls: Sequence[Call]) -> Iterator[tuple[int, Call]]:
    """When the calls of a group go: as old as their entries are, and in their own order."""
    # Where a call begins with one session's end, the next may begin with an older entry.
    ages = (call.entries[0].document.record.position for call in calls)
    return zip(accumulate(ages, max), calls, strict=True)


def _lanes(calls: Sequence[Call]) -> Iterator[Lane]:
    """Join the calls that have a session in common, directly or through others."""
    joined = list(range(len(calls)))

    def root(number: int) -> int:
        while joined[number] != number:
            joined[number] = joined[joined[number]]
            number = joined[number]
        return number

    calls_of: defaultdict[str, list[int]] = defaultdict(list)
    for number, call in enumerate(calls):
        for session in {entry.session for entry in call.entries if entry.session is not None}:
            calls_of[session].append(number)
    for numbers in calls_of.values():
        for one, other in pairwise(numbers):
            joined[root(other)] = root(one)
    lanes: defaultdict[int, list[Call]] = defaultdict(list)
    for number, call in enumerate(calls):
        lanes[root(number)].append(call)
    for lane in lanes.values():
        yield tuple(lane)


def coalesce(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Part entries, given in stream order, into those to send and those that they stand for.

    Of several updates to one id only the newest is sent. Entries that add up (events and
    interactions) have no identity, and all of them are sent.
    """
    free: list[Entry] = []
    newest: dict[str, Entry] = {}
    older: list[Entry] = []
    for entry in entries:
        if entry.identity is None:
            free.append(entry)
            continue
        if (replaced := newest.pop(entry.identity, None)) is not None:
            older.append(replaced)
        newest[entry.identity] = entry
    return free + list(newest.values()), older
