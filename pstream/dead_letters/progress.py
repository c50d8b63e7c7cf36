"""Progress bars on stderr, and none where nobody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Tell = Callable[[int, int], None]
"""Is told how many are done, and of how many."""


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Count up while something is read whose end nobody knows; is told how many more."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = (TextColumn(f"{what} {{task.completed:,}}"),)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda count: progress.advance(task, count)


@contextmanager
def advancing(what: str) -> Iterator[Tell]:
    """Show how far something has come."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
