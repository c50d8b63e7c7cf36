"""What the forwarder must reach, as ratios of one run."""

from collections.abc import Iterator
from typing import Any

from tests.benchmarks.handlers import FLOOR, HEADLINE, SAMPLE, US, pool

MOST_THROTTLED_TWICE = 0.02


def targets(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each target: what it is, what it wants, what was reached, and whether that is enough."""
    return [
        {"target": name, "wants": wants, "got": got, "reached": reached}
        for name, wants, got, reached in (*_of_handlers(results["handlers"]), *_others(results))
    ]


def _of_handlers(handlers: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    ours = [row for row in handlers["rows"] if row["contender"] == US.label]
    fewest = sum(row["calls"] == row["fewest"] for row in ours)
    yield (
        "Calls made are the fewest possible",
        "always",
        f"{fewest} of {len(ours)} cases",
        fewest == len(ours),
    )
    records, sessions, latency = HEADLINE
    walls = {
        row["contender"]: row["wall"]
        for row in (*handlers["rows"], *handlers["whole"])
        if (row["records"], row["latency"]) == (records, latency)
        and (row["sessions"] == sessions or row["contender"] == SAMPLE.label)
    }
    pools = dict.fromkeys(pool(workers).label for workers in (16, handlers["best_pool"]))
    case = f"{records:,} records, {sessions}, {latency * 1000:.0f} ms: wall"
    rivals = {SAMPLE.label: 1 / 100, **dict.fromkeys(pools, 1 / 3), FLOOR.label: 1.25}
    for rival, most in rivals.items():
        ratio = walls[US.label] / walls[rival]
        wants = f"at most {most:.3g}" if most > 1 else f"at most 1/{1 / most:.0f}"
        got = f"{ratio:.2f}" if most > 1 else f"1/{1 / ratio:.1f}"
        yield f"{case} ÷ {rival}", wants, got, ratio <= most


def _others(results: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    cpu = results["calls"]["cpu"]
    ratio = cpu["us"] / cpu["boto3"]
    yield "CPU a call of ten events ÷ boto3", "at most 1/6", f"1/{1 / ratio:.1f}", ratio <= 1 / 6
    rate = max(each["a_second"] for each in results["calls"]["threads"]["us"].values())
    yield "Calls a second on one core at 20 ms", "over 1,000", f"{rate:,.0f}", rate > 1_000
    twice = max(
        row["twice"]
        for row in results["redelivery"]
        if row["contender"] == "us" and row["share"] <= 0.1
    )
    yield (
        "Events sent more than once, 10 % of calls throttled",
        "at most 2 %",
        f"{twice:.1%}",
        twice <= MOST_THROTTLED_TWICE,
    )
    cold = {row["case"]: row["cpu"] for row in results["cold_start"]}
    us, *_ = (cpu for case, cpu in cold.items() if case.startswith("us"))
    for rival, most in (("(b) with bytecode", 0.6), ("(b) without, as usually shipped", 0.35)):
        ratio = us / cold[rival]
        yield f"Cold start, CPU ÷ {rival}", f"at most {most}", f"{ratio:.2f}", ratio <= most
    shipped, untrimmed, _ = (row["zipped"] for row in results["packages"])
    ratio = shipped / untrimmed
    yield (
        "Package, zipped ÷ untrimmed install",
        "at most 0.5",
        f"{ratio:.2f}",
        ratio <= 0.5,
    )
