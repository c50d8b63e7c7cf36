"""The page of the results, made from nothing but the JSON that a run writes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.benchmarks.batches import LONGEST_ZIPF
from tests.benchmarks.handlers import BATCH_PROCESSOR, SAMPLE, SERIAL
from tests.benchmarks.redelivery import MOST_DELIVERIES

PLOT = "benchmarks.svg"


def page(results: dict[str, Any]) -> str:
    """The whole page, in Markdown."""
    parts = (
        _head(results["machine"], results["seconds"]),
        _targets(results["targets"]),
        _handlers(results["handlers"]),
        _calls(results["calls"]),
        _redelivery(results["redelivery"]),
        _parsing(results["parsing"]),
        _cold_start(results["cold_start"]),
        _packages(results["packages"]),
    )
    return "\n".join(line for part in parts for line in part)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A Markdown table; all columns but the first are numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
    yield ""


def _head(machine: dict[str, Any], seconds: float) -> Iterator[str]:
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    yield from (
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. One run, all contenders on the same batches in",
        "turns, medians. Read the ratios: absolute times move from machine to machine.",
        "",
        f"Measured {machine['at']} on {machine['cpu']}, {machine['cores']} cores,",
        f"{machine['system']}, Python {machine['python']}; {libraries}.",
        f"The run took {seconds / 60:.0f} minutes; load average before it {machine['load']:.1f}.",
        "",
        "- **(a)** the classic sample handler: decode, json, one `put_events` a record, serial.",
        "- **(b)** Powertools BatchProcessor with a parser model, one `put_events` a record.",
        "- **(c)** grouped by session, ten events a call, a thread pool of boto3 calls.",
        "- **us** the shipped handler, whole, with its log line and metrics; 64 calls at a time,",
        "  its share of the API's quota set so high that it never waits for its turn.",
        "- **floor** the least that still signs: orjson, own SigV4, raw sockets, no validation,",
        "  no retry, no account of what became of an event. Nobody should run it.",
        "",
        "The client has one core and the endpoint, a process of its own, another. It accepts",
        "everything after 0, 5 or 20 ms, without TLS. Each run is a fork of a warm process that",
        "has opened its connections; one that did not deliver every event fails the bench.",
        "",
        f"![Wall time and calls a second]({PLOT})",
        "",
    )


def _targets(targets: list[dict[str, Any]]) -> Iterator[str]:
    yield from ("## Must reach", "")
    yield from table(
        ("target", "wants", "got", "reached"),
        (
            (each["target"], each["wants"], each["got"], "yes" if each["reached"] else "**no**")
            for each in targets
        ),
    )


def _handlers(handlers: dict[str, Any]) -> Iterator[str]:
    yield from (
        "## Whole handlers",
        "",
        "Calls (and the fewest possible), wall and CPU in milliseconds, peak of resident memory",
        f"in MB. Zipf: session lengths up to {LONGEST_ZIPF} with a probability of 1 ÷ length^1.5.",
        f"`≈`: measured with {SERIAL} records and multiplied, because one call at a time takes as",
        "long for each; sessions make no difference to those contenders.",
        "The longest batches ran twice, with (c) once.",
        "",
    )
    rows = handlers["rows"]
    cases = dict.fromkeys((row["records"], row["latency"]) for row in rows)
    for records, latency in sorted(cases):
        chosen = [row for row in rows if (row["records"], row["latency"]) == (records, latency)]
        chosen.sort(key=lambda row: row["contender"] not in {SAMPLE.label, BATCH_PROCESSOR.label})
        yield from (f"### {records:,} records, endpoint at {latency * 1000:.0f} ms", "")
        yield from _handler_table(chosen)
    if handlers["whole"]:
        yield from ("### One call at a time, nothing multiplied (1,000 records, Zipf, 20 ms)", "")
        yield from _handler_table(handlers["whole"])
    yield from ("### How many threads are best for (c) (1,000 records, Zipf, 20 ms)", "")
    yield from _handler_table(handlers["pools"])


def _handler_table(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    def cells(row: dict[str, Any]) -> Iterator[object]:
        serial = row["contender"] in {SAMPLE.label, BATCH_PROCESSOR.label}
        about = "" if row["measured"] == row["records"] else "≈ "
        yield row["contender"]
        yield "any" if serial else row["sessions"]
        yield f"{row['calls']:,}" + ("" if serial else f" ({row['fewest']:,})")
        yield f"{about}{row['wall'] * 1000:,.0f}"
        yield f"{about}{row['cpu'] * 1000:,.0f}"
        yield f"{row['memory']:.0f}"

    head = ("contender", "events a session", "calls (fewest)", "wall", "CPU", "memory")
    yield from table(head, (tuple(cells(row)) for row in rows))


def _calls(calls: dict[str, Any]) -> Iterator[str]:
    yield from (
        "## One call of ten events",
        "",
        "CPU microseconds of the client, endpoint at 0 ms, one thread. Ours includes serialising",
        "the ten entries.",
        "",
    )
    cpu = calls["cpu"]
    yield from table(
        ("path", "µs", "÷ boto3"),
        ((name, f"{each:,.0f}", f"{each / cpu['boto3']:.3f}") for name, each in cpu.items()),
    )
    threads = list(calls["threads"]["us"])
    yield from (
        "Calls a second on one core, endpoint at 20 ms, by threads. The endpoint itself takes",
        f"over {calls['endpoint']:,.0f} calls a second.",
        "",
    )
    yield from table(
        ("path", *threads),
        (
            (name, *(f"{made[each]['a_second']:,.0f}" for each in threads))
            for name, made in calls["threads"].items()
        ),
    )


def _redelivery(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from (
        "## Redelivery",
        "",
        f"{rows[0]['records']:,} records in Zipf sessions, redelivered as Lambda's mapping does",
        f"until all is done, {MOST_DELIVERIES} times at most. Share of events that the service",
        "accepted more than once, how often it accepted each on average, deliveries it took, and",
        "events not delivered by then. boto3 makes five attempts of each call, and so do we.",
        "",
    )
    kinds = (
        (False, "Each attempt has this chance of being throttled"),
        (True, "A throttled call stays so for the whole invocation, however often it is made"),
    )
    for stubborn, title in kinds:
        yield from (f"### {title}", "")
        yield from table(
            ("contender", "throttled", "more than once", "times", "deliveries", "undelivered"),
            (
                (
                    row["contender"],
                    f"{row['share']:.0%}",
                    f"{row['twice']:.1%}",
                    f"{row['times']:.2f}",
                    f"{row['deliveries']}" if row["done"] else f"gave up after {row['deliveries']}",
                    row["undelivered"],
                )
                for row in rows
                if row["stubborn"] == stubborn
            ),
        )


def _parsing(parsing: dict[str, float]) -> Iterator[str]:
    yield from (
        "## Parsing one record",
        "",
        "CPU microseconds, base64 included, a document of about 300 bytes. Ours checks every rule",
        "of the API, derives what is absent and ends with the bytes for the wire; after the others",
        "the entry is still to be checked and serialised.",
        "",
    )
    yield from table(("way", "µs"), ((name, f"{each:.1f}") for name, each in parsing.items()))


def _cold_start(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from (
        "## Cold start",
        "",
        "A fresh process until its handler is ready: CPU milliseconds and peak of resident memory",
        "in MB. (b) has Logger and Metrics, as ours has, and an untrimmed install of the same",
        "requirements. All have the environment that Lambda makes: fixed keys and a region, and",
        "no configuration; none of them has connected to anything yet.",
        "",
    )
    yield from table(
        ("case", "CPU", "memory"),
        ((row["case"], f"{row['cpu']:.0f}", f"{row['memory']:.0f}") for row in rows),
    )


def _packages(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from ("## Package", "", "Megabytes, for this machine's Python.", "")
    yield from table(
        ("package", "unzipped", "zipped"),
        ((row["package"], f"{row['unzipped']:.1f}", f"{row['zipped']:.1f}") for row in rows),
    )
