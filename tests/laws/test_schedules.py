"""The promise under every schedule of faults: a machine that draws them, and the laws it checks.

The mapping's semantics are those of `local.mappings`, the journey is the real one; see
`schedule` for what can fail. The clock is not real and calls go out one at a time, so an example
that fails fails again.
"""

from collections import Counter, defaultdict

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from schedule import NOISE, End, Fate, Mark, Place, QueueFate, Shard, Turn, Written, place_of, write

from forwarder.destinations import DESTINATIONS
from forwarder.outcomes import Reason
from local.mappings.configuration import INFINITE
from local.mappings.simulation import configure

mappings = st.builds(
    configure,
    batch_size=st.integers(1, 8),
    parallelization_factor=st.integers(1, 3),
    maximum_retry_attempts=st.sampled_from([0, 1, 3, INFINITE]),
    # With endless retries it is the age that ends what can never be delivered.
    maximum_record_age_in_seconds=st.just(300),
    bisect_batch_on_function_error=st.booleans(),
    function_response_types=st.just(("ReportBatchItemFailures",)),
)
marks = st.sampled_from([Mark.GOOD, Mark.GOOD, Mark.GOOD, Mark.REFUSED, Mark.MISSPELT])
turns = st.builds(
    Turn,
    environment=st.integers(0, 2),
    end=st.sampled_from(End),
    queue=st.sampled_from(QueueFate),
    alive_for=st.integers(0, 3),
)


class Schedule(RuleBasedStateMachine):
    """Producers, faults, invocations and rewinds in any order; then all is run to its end."""

    @initialize(feed=st.sampled_from(sorted(DESTINATIONS)), told=mappings)
    def begin(self, feed, told):
        self.feed = feed
        self.shard = Shard(feed, told)

    @rule(
        group=st.sampled_from("abc"),
        documents=st.lists(st.lists(marks, min_size=1, max_size=12), min_size=1, max_size=3),
        user=st.sampled_from(["", "u1", "u2"]),
    )
    def produce(self, group, documents, user):
        record = len(self.shard.written)
        shared = {"userId": user} if user and "userId" in self.shard.destination.shared else {}
        written = [
            write(self.feed, (record, number), group, each, **shared)
            for number, each in enumerate(documents)
        ]
        self.shard.put(written, key=group)

    @rule()
    def produce_noise(self):
        self.shard.put([Written(NOISE, None, listed=False)], key=None)

    @rule(fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=20))
    def trouble_the_service(self, fates):
        self.shard.service.fates.extend(fates)

    @rule(fate=st.sampled_from(Fate), calls=st.integers(1, 60))
    def break_the_service(self, fate, calls):
        self.shard.service.fates.extend([fate] * calls)

    @rule(drawn=st.lists(turns, min_size=1, max_size=5))
    def trouble_the_function(self, drawn):
        self.shard.turns.extend(drawn)

    @rule(seconds=st.sampled_from([0.0, 25.0, 1000.0]))
    def run_for(self, seconds):
        self.shard.run(seconds)

    @rule(to=st.integers(0, 5))
    def deliver_again(self, to):
        self.shard.rewind(to)

    @invariant()
    def what_is_acknowledged_is_stored_or_in_the_dead_letters(self):
        shard = self.shard
        letters = _letters(shard)
        for record in shard.acknowledged:
            for number, document in enumerate(shard.written[record]):
                found = letters[shard.sequence(record), number]
                if document.marks is None:
                    assert found == {None: (Reason.NOT_JSON, NOISE)}
                for element, mark in document.elements():
                    place = (record, number, element or 0)
                    if mark is Mark.MISSPELT:
                        assert found[element] == (Reason.UNKNOWN_FIELD, document.data)
                    elif mark is Mark.REFUSED and not _gave_way(shard, place):
                        assert found[element] == (Reason.REFUSED, document.data)
                    elif mark is Mark.GOOD:
                        assert _is_stored(shard, place, element)

    @invariant()
    def nothing_good_is_a_dead_letter(self):
        for (sequence, number), found in _letters(self.shard).items():
            record = int(sequence) - int(self.shard.sequence(0))
            marked = dict(self.shard.written[record][number].elements())
            assert all(marked.get(element) is not Mark.GOOD for element in found)

    @invariant()
    def every_event_counts_once_and_for_itself(self):
        service = self.shard.service
        assert not service.contradicted
        places = Counter(place_of(entry) for entry in service.counted.values())
        assert all(count == 1 for count in places.values())

    @invariant()
    def a_session_is_counted_in_stream_order(self):
        sessions: defaultdict[tuple[str | None, str], list[Place]] = defaultdict(list)
        for entry in self.shard.service.counted.values():
            place = place_of(entry)
            # What was abandoned and comes again all the same comes late; that is its nature.
            if place[0] not in self.shard.abandoned:
                shared = self.shard.destination.shared
                user = entry.get("userId") if "userId" in shared else None
                sessions[user, entry["sessionId"]].append(place)
        assert all(places == sorted(places) for places in sessions.values())

    def teardown(self):
        if not hasattr(self, "shard"):
            return
        shard = self.shard
        shard.run()
        self.what_is_acknowledged_is_stored_or_in_the_dead_letters()
        self.nothing_good_is_a_dead_letter()
        self.every_event_counts_once_and_for_itself()
        self.a_session_is_counted_in_stream_order()
        assert shard.acknowledged | shard.abandoned == set(range(len(shard.written)))
        assert shard.mapping.shard.backlog == shard.mapping.shard.in_flight == 0
        self._the_newest_state_wins()

    def _the_newest_state_wins(self):
        newest: dict[str, Place] = {}
        for record in sorted(self.shard.acknowledged - self.shard.abandoned):
            for number, document in enumerate(self.shard.written[record]):
                for place, mark in enumerate(document.marks or ()):
                    if mark is Mark.GOOD:
                        newest[self.shard.keys[record]] = (record, number, place)
        if self.shard.destination.identity:
            assert all(self.shard.service.state[group] >= newest[group] for group in newest)


Letters = defaultdict[tuple[str, int], dict[int | None, tuple[Reason, bytes | None]]]


def _letters(
    shard: Shard,
) -> Letters:
    found: Letters = defaultdict(dict)
    for letter in shard.queue.letters:
        for each in letter.rejections:
            place = (letter.origin.sequence, letter.origin.document)
            found[place][each.element] = (each.reason, letter.data)
    return found


def _gave_way(shard: Shard, place: Place) -> bool:
    """Whether an upsert needs no call of its own any more: a newer one was accepted."""
    group = shard.keys[place[0]]
    return shard.service.newest.get(group, place) > place


def _is_stored(shard: Shard, place: Place, element: int | None) -> bool:
    record, number, _ = place
    if shard.destination.identity:
        return shard.service.newest[shard.keys[record]] >= place
    within = "" if element is None else f".{element}"
    origin = f"events/shardId-000000000000:{shard.sequence(record)}#{number}{within}"
    return place_of(shard.service.counted[origin]) == place


TestSchedules = Schedule.TestCase
TestSchedules.settings = settings(
    max_examples=150,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
