"""Progress reads well in a log too."""

from io import StringIO

from rich.console import Console

from local.progress import Progress


def test_elsewhere_than_on_a_terminal_each_step_is_one_line():
    output, clock = StringIO(), iter([0.0, 0.0, 1.5, 1.5, 2.0])

    with Progress(Console(file=output), clock=lambda: next(clock)) as progress:
        progress.tell("deploying")
        progress.tell("deploying: 3 of 9 resources")
        progress.tell("sending")

    assert output.getvalue() == "✓ deploying 1.5 s\n✓ sending 0.5 s\n"
