"""What a warm environment remembers, so that a redelivery does not send again what was delivered.

Lambda acknowledges a prefix of a batch. What was delivered past the point where the stream
resumes comes again, often to the same environment. Forgetting is harmless and so is another
environment taking over: an event sent twice carries the same `eventId`, and an upsert sent twice
leaves the same state.
"""

from collections import OrderedDict
from collections.abc import Iterable

from forwarder.outcomes import Entry, EntryKey

MOST_ENTRIES = 100_000
"""The most that is remembered, over all shards; the oldest is forgotten first."""


class Memory:
    """Remembers deliveries past the resume point, for one feed and any number of shards.

    Entries that add up are never sent again once delivered. Of an upsert only older states of
    the same id are held back: the state itself is sent again, because another environment may
    have sent an older one in between, and the last word has to be the newest.
    """

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        """Remember at most `most` entries."""
        self._most = most
        self._delivered: OrderedDict[tuple[str, EntryKey], None] = OrderedDict()
        self._newest: OrderedDict[tuple[str, str], int] = OrderedDict()

    def holds(self, entry: Entry) -> bool:
        """Whether sending this entry would repeat an event or undo a newer upsert."""
        record = entry.document.record
        if entry.identity is None:
            return (record.shard, entry.key) in self._delivered
        newest = self._newest.get((record.shard, entry.identity))
        return newest is not None and int(record.sequence) < newest

    def remember(self, delivered: Iterable[Entry]) -> None:
        """Take in what was delivered but will come again."""
        for entry in delivered:
            record = entry.document.record
            if entry.identity is None:
                self._delivered[record.shard, entry.key] = None
                self._delivered.move_to_end((record.shard, entry.key))
                continue
            key = (record.shard, entry.identity)
            self._newest[key] = max(int(record.sequence), self._newest.get(key, 0))
            self._newest.move_to_end(key)
        for remembered in (self._delivered, self._newest):
            while len(remembered) > self._most:
                remembered.popitem(last=False)

    def forget(self, acknowledged: Iterable[Entry]) -> None:
        """Drop what will not come again."""
        for entry in acknowledged:
            self._delivered.pop((entry.document.record.shard, entry.key), None)

    def __len__(self) -> int:
        """How many entries are remembered."""
        return len(self._delivered) + len(self._newest)
