"""Holds the messages of queues without consuming them.

A received message is hidden from others; it is kept hidden for as long as it is held, and shown
again at the end, also after Ctrl-C. Killed hard, it shows again by itself within `seconds`.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

from replayer.letters import Held, Letter

SECONDS = 90
READERS = 16
PER_CALL = 10

MOST_KNOWN = 3
"""Messages can come twice. Where nothing else comes, they show faster than they are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The verbs of one feed's queue.

    Attributes:
        receive: Receives up to ten messages, hidden for so many seconds; none means that there
            are none left to receive.
        hide: Hides messages for so many seconds from now; 0 shows them.
        delete: Deletes messages; returns the receipts of those that are gone.
        hidden: How many messages somebody holds just now.
    """

    receive: Callable[[int], Sequence[Held]]
    hide: Callable[[Sequence[str], int], None]
    delete: Callable[[Sequence[str]], frozenset[str]]
    hidden: Callable[[], int]


class Hold:
    """Messages held, as a context manager.

    Args:
        queues: The queue of each feed.
        seconds: For how long a message stays hidden if nobody says any more.
    """

    def __init__(self, queues: Mapping[str, Queue], *, seconds: int = SECONDS) -> None:
        self._queues = queues
        self._seconds = seconds
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep_hidden, daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._keeper.join()
        self.release(self.held)

    @property
    def held(self) -> list[Held]:
        """What is held, the oldest message first."""
        with self._lock:
            return sorted(self._held.values(), key=lambda held: (held.sent, held.id))

    def elsewhere(self) -> int:
        """How many messages of the queues others hide just now, as the service estimates it."""
        return sum(queue.hidden() for queue in self._queues.values())

    def receive_all(
        self, watch: Callable[[int], None] = lambda _count: None, most: int | None = None
    ) -> list[Held]:
        """Receive until the queues have no more to give, or `most` are held; return all held."""
        with ThreadPoolExecutor(READERS) as pool:
            readers = max(1, READERS // max(1, len(self._queues)))
            drains = [
                pool.submit(self._drain, queue, watch, most)
                for queue in self._queues.values()
                for _ in range(readers)
            ]
            try:
                for drain in drains:
                    drain.result()
            except BaseException:
                self._over.set()
                raise
        return self.held

    def delete(self, letters: Sequence[Letter]) -> frozenset[str]:
        """Delete messages; return the ids of those that are gone, which are held no more."""
        with ThreadPoolExecutor(READERS) as pool:
            deleted = pool.map(self._delete, self._by_feed(letter.held for letter in letters))
            gone = frozenset(id_ for ids in deleted for id_ in ids)
        with self._lock:
            for each in gone:
                self._held.pop(each, None)
        return gone

    def release(self, held: Iterable[Held]) -> None:
        """Show messages to others again; they are held no more."""
        some = list(held)
        with self._lock:
            for each in some:
                self._held.pop(each.id, None)
        with ThreadPoolExecutor(READERS) as pool:
            for feed, chunk in self._by_feed(some):
                pool.submit(self._hide, feed, chunk, 0)

    def _delete(self, call: tuple[str, Sequence[Held]]) -> list[str]:
        feed, held = call
        receipts = self._queues[feed].delete([each.receipt for each in held])
        return [each.id for each in held if each.receipt in receipts]

    def _drain(self, queue: Queue, watch: Callable[[int], None], most: int | None) -> None:
        known = 0
        while not self._over.is_set() and (most is None or len(self._held) < most):
            found = queue.receive(self._seconds)
            with self._lock:
                new = sum(each.id not in self._held for each in found)
                self._held.update((each.id, each) for each in found)
            watch(new)
            known = 0 if new else known + 1
            if not found or known == MOST_KNOWN:
                return

    def _keep_hidden(self) -> None:
        while not self._over.wait(self._seconds / 2):
            with ThreadPoolExecutor(READERS) as pool:
                for feed, chunk in self._by_feed(self.held):
                    pool.submit(self._hide, feed, chunk, self._seconds)

    def _hide(self, feed: str, held: Sequence[Held], seconds: int) -> None:
        # What is gone by now, or shown again, needs no hiding; whoever deletes it finds out.
        with contextlib.suppress(Exception):
            self._queues[feed].hide([each.receipt for each in held], seconds)

    def _by_feed(self, held: Iterable[Held]) -> Iterator[tuple[str, list[Held]]]:
        """Messages by the call: of one queue, and no more than a call takes."""
        some = list(held)
        for feed in self._queues:
            of_feed = iter([each for each in some if each.feed == feed])
            while chunk := list(islice(of_feed, PER_CALL)):
                yield feed, chunk
