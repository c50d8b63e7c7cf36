"""Anything: JSON as careless producers write it, and bytes that were damaged on their way."""

import json
from typing import Any

from builders import SMALLEST
from hypothesis import strategies as st

from forwarder.destinations import DESTINATIONS

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([2**63, -(2**64), 10**400, 1e308, -0.0, 1_789_999_000, 1_789_999_000_123]),
)
texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["\0", "null", " ", "x" * 257, "2026-11-21T22:00:00", "²", "NaN", '{"a": 1}']),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)


def whole(value: object) -> bytes:
    """JSON as a careless producer writes it: NaN and lone surrogates included."""
    return json.dumps(value).encode()


def names(feed: str) -> list[str]:
    destination = DESTINATIONS[feed]
    shapes = (destination.shape, destination.request)
    return sorted(
        {field.alias or name for shape in shapes for name, field in shape.model_fields.items()}
    )


@st.composite
def contents(draw: st.DrawFn, feed: str) -> dict[str, Any]:
    """The smallest document, with some of its fields set to anything."""
    known = st.sampled_from(names(feed))
    changed = draw(st.dictionaries(st.one_of(known, known, texts), values, max_size=4))
    content: dict[str, Any] = {**SMALLEST[feed], **changed}
    if draw(st.booleans()):
        entries = draw(st.lists(st.one_of(st.just(SMALLEST[feed]), values), max_size=4))
        content[DESTINATIONS[feed].entries] = entries
    return content


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """The same bytes with some replaced, or with their end cut off."""
    changed = bytearray(data)
    for place, byte in draw(
        st.lists(st.tuples(st.integers(0, max(0, len(data) - 1)), st.integers(0, 255)), max_size=3)
    ):
        changed[place : place + 1] = bytes([byte])
    return bytes(changed[: draw(st.integers(0, len(changed)))] if draw(st.booleans()) else changed)
