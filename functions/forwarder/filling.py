"""Parts what is too much for one go into portions, in order."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def filled(
    items: Iterable[T], *, size: Callable[[T], int], most_bytes: int, most: int
) -> Iterator[list[T]]:
    """Fill one portion after the other, with no more bytes and no more items than allowed.

    An item that is too large by itself is a portion of its own; no portion is empty.
    """
    portion: list[T] = []
    room = most_bytes
    for item in items:
        taken = size(item)
        if portion and (len(portion) == most or taken > room):
            yield portion
            portion, room = [], most_bytes
        portion.append(item)
        room -= taken
    if portion:
        yield portion
