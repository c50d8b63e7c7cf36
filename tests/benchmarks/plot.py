"""The picture of a run: wall time by session length, and calls a second by threads."""

from pathlib import Path
from typing import Any

# Only the bench's own environment has it.
import matplotlib as mpl  # type: ignore[import-not-found]
from matplotlib.figure import Figure  # type: ignore[import-not-found]

from tests.benchmarks.handlers import BATCH_PROCESSOR, FLOOR, HEADLINE, SAMPLE, US, pool

COLOURS = ("#9aa0a6", "#c58af9", "#f29900", "#1a73e8", "#34a853")


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw it as SVG; equal numbers give equal bytes."""
    mpl.rcParams.update({"svg.hashsalt": "bench", "font.size": 9})
    figure = Figure(figsize=(10, 4), layout="constrained")
    walls, rates = figure.subplots(1, 2)
    _walls(walls, results["handlers"])
    _rates(rates, results["calls"]["threads"])
    figure.savefig(path, metadata={"Date": None})


def _walls(axes: Any, handlers: dict[str, Any]) -> None:
    records, _, latency = HEADLINE
    rows = [
        row for row in handlers["rows"] if (row["records"], row["latency"]) == (records, latency)
    ]
    grouped = pool(handlers["best_pool"]).label
    labels = [each.label for each in (SAMPLE, BATCH_PROCESSOR)] + [grouped, US.label, FLOOR.label]
    sessions = list(dict.fromkeys(row["sessions"] for row in rows if row["contender"] == US.label))
    for place, (label, colour) in enumerate(zip(labels, COLOURS, strict=True)):
        of_label = {row["sessions"]: row["wall"] for row in rows if row["contender"] == label}
        walls = [of_label.get(each, min(of_label.values())) for each in sessions]
        axes.bar(
            [at + (place - 2) * 0.16 for at in range(len(sessions))],
            walls,
            width=0.16,
            label=label,
            color=colour,
        )
    axes.set_yscale("log")
    axes.set_xticks(range(len(sessions)), sessions)
    axes.set_xlabel("events a session")
    axes.set_ylabel("seconds")
    axes.set_ylim(top=max(row["wall"] for row in rows) * 20)  # room for the legend
    axes.set_title(f"{records:,} records, endpoint at {latency * 1000:.0f} ms: wall")
    axes.legend(fontsize=7, ncols=2)


def _rates(axes: Any, threads: dict[str, Any]) -> None:
    for (name, made), colour in zip(
        threads.items(), (COLOURS[2], COLOURS[3], COLOURS[4]), strict=True
    ):
        counts = [int(each) for each in made]
        axes.plot(
            counts,
            [each["a_second"] for each in made.values()],
            marker="o",
            label=name,
            color=colour,
        )
    axes.axhline(1_000, color="#d93025", linestyle=":", label="quota of PutEvents")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, counts)
    axes.set_xlabel("threads")
    axes.set_ylabel("calls a second")
    axes.set_title("One core, endpoint at 20 ms")
    axes.legend(fontsize=7)
