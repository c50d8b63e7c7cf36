"""Does what was planned. At any point it can be killed, and run again.

The order is the promise: records go on the stream, what fails again is kept as dead letters of
its own, then the message is deleted, and its objects last. Killed before a message is deleted, the
next run puts its records again: with the same `eventId`s, or as the same state of the same id.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from forwarder.envelope import StoredObject
from forwarder.outcomes import Rejected
from replayer.letters import Letter
from replayer.newest import Newest
from replayer.plan import Put, Step
from replayer.put_records import Outgoing

CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbs:
    """What a replay does to the world.

    Attributes:
        put: Puts records on the stream; says of each whether it is there.
        keep: Makes dead letters of rejections; says whether all were kept.
        delete: Deletes messages; returns the ids of those that are gone.
        delete_object: Deletes one object.
    """

    put: Callable[[Sequence[Outgoing]], Sequence[bool]]
    keep: Callable[[Sequence[Rejected]], bool]
    delete: Callable[[Sequence[Letter]], frozenset[str]]
    delete_object: Callable[[StoredObject], None]


@dataclass(slots=True)
class Done:
    """What was done so far.

    Attributes:
        records: Records put on the stream.
        letters: Messages deleted.
        kept_apart: Documents that became dead letters of their own.
        unput: Records that the stream did not take.
        overtaken: Records left out, as a newer one of their id arrived during the act.
        undeleted: Messages that could not be deleted: their records go twice, and count once.
        stopped: Whether it ended before its end.
    """

    records: int = 0
    letters: int = 0
    kept_apart: int = 0
    unput: int = 0
    overtaken: int = 0
    undeleted: int = 0
    stopped: bool = False

    def __add__(self, other: "Done") -> "Done":
        """Add what was done after this."""
        return Done(
            records=self.records + other.records,
            letters=self.letters + other.letters,
            kept_apart=self.kept_apart + other.kept_apart,
            unput=self.unput + other.unput,
            overtaken=self.overtaken + other.overtaken,
            undeleted=self.undeleted + other.undeleted,
            stopped=other.stopped,
        )


def act(
    steps: Sequence[Step],
    verbs: Verbs,
    *,
    newest: Newest | None = None,
    shared: frozenset[StoredObject] = frozenset(),
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Done], None] = lambda _done: None,
) -> Done:
    """Carry out a plan, in the order in which the records first arrived.

    Args:
        steps: The plan.
        verbs: What to do it with.
        newest: What the stream holds of each id, looked at again before each call; None where
            it does not matter.
        shared: Objects that other messages may point to as well: they stay.
        stop: Asked before each call whether to end here.
        watch: Is told after each call what was done so far.
    """
    done = Done()
    open_ = Counter(put.letter for step in steps for put in step.puts)
    leaving = {step.letter.id: step for step in steps if step.leaves and not step.awaits}
    _finish([step for step in leaving.values() if not step.puts], verbs, shared, done)
    for chunk in _chunks(steps):
        if stop():
            done.stopped = True
            break
        on_stream = _put(chunk, verbs, newest, done)
        open_.subtract(put.letter for put in on_stream)
        complete = dict.fromkeys(put.letter for put in on_stream if not open_[put.letter])
        _finish([leaving[each] for each in complete if each in leaving], verbs, shared, done)
        watch(done)
    late = [step for step in steps if step.leaves and step.awaits]
    _finish(
        [step for step in late if not any(open_[each] for each in {step.letter.id, *step.awaits})],
        verbs,
        shared,
        done,
    )
    return done


def _chunks(steps: Iterable[Step]) -> Iterator[list[Put]]:
    puts = sorted(
        (put for step in steps for put in step.puts),
        key=lambda put: (put.place.arrival, put.place.shard, put.place.sequence),
    )
    for start in range(0, len(puts), CHUNK):
        yield puts[start : start + CHUNK]


def _put(chunk: Sequence[Put], verbs: Verbs, newest: Newest | None, done: Done) -> Sequence[Put]:
    """Put what nothing newer has overtaken since the plan; return what is on the stream."""
    if newest is not None:
        newest.advance()
        current = [put for put in chunk if not _overtaken(put, newest)]
        done.overtaken += len(chunk) - len(current)
        chunk = current
    outgoing = [Outgoing(put.partition_key, put.data) for put in chunk]
    taken = verbs.put(outgoing)
    on_stream = [put for put, there in zip(chunk, taken, strict=True) if there]
    done.records += len(on_stream)
    done.unput += len(chunk) - len(on_stream)
    return on_stream


def _overtaken(put: Put, newest: Newest) -> bool:
    for identity, place, body in put.identities:
        seen = newest.of(identity)
        if seen is not None and seen.place.is_after(place) and seen.body != body:
            return True
    return False


def _finish(
    steps: Sequence[Step], verbs: Verbs, shared: frozenset[StoredObject], done: Done
) -> None:
    """Delete what is done with, once what fails again is safe elsewhere."""
    apart = [step for step in steps if step.kept_apart]
    unkept = {step.letter.id for step in apart if not verbs.keep(step.kept_apart)}
    done.kept_apart += sum(len(step.kept_apart) for step in apart if step.letter.id not in unkept)
    safe = [step for step in steps if step.letter.id not in unkept]
    gone = verbs.delete([step.letter for step in safe])
    done.letters += len(gone)
    done.undeleted += len(steps) - len(gone)
    for step in safe:
        if step.letter.id in gone:
            for stored in step.contents.objects:
                if stored not in shared:
                    verbs.delete_object(stored)
