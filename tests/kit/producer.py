"""What producers put: good and bad records in every form that the forwarder takes."""

import gzip
import itertools
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import zstandard
from builders import document_of
from kpl_producer import aggregate

from forwarder.dead_letters import MOST_INLINE_BYTES
from forwarder.destinations import DESTINATIONS

POISON = "poison"
"""What the endpoint refuses, and only the endpoint: the forwarder cannot know."""

REFUSAL = {"action": "refuse", "contains": POISON}


@dataclass(frozen=True, slots=True)
class Product:
    """A record to put: its key, its bytes, and the documents that are packed in them."""

    key: str
    data: bytes
    documents: tuple[bytes, ...]
    form: str


Pack = Callable[[list[bytes]], bytes]


def _compressed(documents: list[bytes]) -> bytes:
    return gzip.compress(b"\n".join(documents))


def _zstd(documents: list[bytes]) -> bytes:
    return zstandard.compress(b"\n".join(documents))


FORMS: Mapping[str, tuple[int, Pack]] = {
    "one document": (1, b"".join),
    "lines": (4, b"\n".join),
    "gzip": (5, _compressed),
    "zstd": (5, _zstd),
    "aggregate": (6, lambda documents: aggregate(*documents)),
    "aggregate of gzip": (3, lambda documents: aggregate(*map(gzip.compress, documents))),
}
"""By form: the most documents, and how they are packed."""


class Producer:
    """Makes records of one feed, the same for the same seed."""

    def __init__(self, feed: str, seed: int, *, now: int, keys: int = 24) -> None:
        self._feed = feed
        self._destination = DESTINATIONS[feed]
        self._chance = random.Random(f"{feed}/{seed}")
        self._keys = keys
        self._now = now
        self._numbers = itertools.count()

    def make(self) -> Product:
        """The next record: one in six holds something that ends in the dead letters."""
        chance = self._chance
        key = f"k{chance.randrange(self._keys)}"
        form = chance.choice(list(FORMS))
        most, pack = FORMS[form]
        documents = [self._document(key) for _ in range(chance.randint(1, most))]
        if chance.random() < 1 / 6:
            documents[chance.randrange(len(documents))] = self._bad(key)
        return Product(key, pack(documents), tuple(documents), form)

    def _document(self, key: str, **fields: Any) -> bytes:
        number = next(self._numbers)
        named: dict[str, Any] = {self._destination.session or self._destination.identity or "": key}
        if self._destination.time:
            named[self._destination.time] = self._now
        # The number makes each state of an id, and each event, unlike any other.
        content = {**named, "properties": {"number": number}, **fields}
        if self._destination.session and self._chance.random() < 0.2:
            return self._listed(key, content)
        return json.dumps(document_of(self._feed, **content)).encode()

    def _listed(self, key: str, content: dict[str, Any]) -> bytes:
        whole = document_of(self._feed, **content)
        del whole["sessionId"]
        element = {**whole, "properties": {"number": next(self._numbers)}}
        return json.dumps({"sessionId": key, self._destination.entries: [whole, element]}).encode()

    def _bad(self, key: str) -> bytes:
        match self._chance.randrange(5):
            case 0:
                return b"{broken %d" % next(self._numbers)
            case 1:
                return self._document(key, itmeId="typo")
            case 2 if self._chance.random() < 0.3:
                return b"large " * (MOST_INLINE_BYTES // 5) + b"%d" % next(self._numbers)
            case 3:
                return b"[%d]" % next(self._numbers)
            case _:
                return self._document(key, properties={POISON: next(self._numbers)})
