"""Minutes of random faults of every kind, and every record accounted for.

`make soak` runs it for MINUTES=5; within `make test` it is a third of one. SEED repeats a run.
"""

import os
import random
import time
from collections import Counter
from threading import Condition, Event, Thread

import pytest
from accountant import Balance
from evidence import DeadLetterStore
from gate import gate
from producer import REFUSAL
from rig import Cloud
from soaking import RETRIES, SECONDS, Feed
from weather import Weather

from forwarder.destinations import DESTINATIONS
from local.clients import connect as connect_all
from local.emulator import CREDENTIALS, PYTHON, REGION, Emulator
from local.mappings.clients import connect
from local.personalize import Endpoint

MINUTES = float(os.environ.get("MINUTES", "0.33"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))
SHARDS = {"events": 2, "items": 1, "action-interactions": 1}
TARGETS = {
    "trackingId": "tracker",
    "datasetArn": "arn:aws:personalize:us-east-1:000000000000:dataset/local/ITEMS",
}
DRAIN_SECONDS = 120.0
TICK_SECONDS = 0.2

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="needs the emulator: make install")


def settings(name: str, store: DeadLetterStore, personalize: str, aws: str) -> dict[str, str]:
    destination = DESTINATIONS[name]
    return {
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": personalize,
        "AWS_ENDPOINT_URL_S3": aws,
        "AWS_ENDPOINT_URL_SQS": aws,
        "CALLS_PER_SECOND": str(destination.calls_per_second),
        "DEAD_LETTER_BUCKET": store.bucket,
        "DEAD_LETTER_QUEUE_URL": f"{aws}/000000000000/{store.queue_url.rpartition('/')[2]}",
        "FEED": name,
        "TARGET": TARGETS[destination.target],
    }


def test_whatever_the_weather_no_record_is_lost_and_none_counts_twice(tmp_path, capsys):
    over, change = Event(), Condition()

    def changed() -> None:
        with change:
            change.notify_all()

    with (
        Emulator(tmp_path) as emulator,
        Endpoint(faults=[REFUSAL], seed=SEED) as endpoint,
        gate(endpoint.url) as before_personalize,
        gate(emulator.url) as before_aws,
    ):
        cloud = Cloud(emulator.url, connect_all(emulator.url))
        clients = connect(emulator.url, REGION)

        def feed(name: str) -> Feed:
            directory = tmp_path / name
            directory.mkdir()
            store = cloud.store()
            environment = settings(name, store, before_personalize.url, before_aws.url)
            return Feed(
                name, clients=clients, store=store, environment=environment, directory=directory,
                seed=SEED, shards=SHARDS[name], changed=changed,
            )  # fmt: skip

        feeds = [feed(name) for name in SHARDS]
        weather = Weather(
            endpoint, before_personalize, before_aws, [each.fleet for each in feeds], SEED
        )
        with feeds[0], feeds[1], feeds[2]:
            raging = Thread(target=weather.rage, args=(over,))
            raging.start()
            try:
                produce(feeds, until=time.monotonic() + MINUTES * 60)
            finally:
                over.set()
                raging.join()
            weather.calm()
            drained = drain(feeds, change)
        books = {each.name: each.balance(stored(endpoint, each.name)) for each in feeds}
        faults = Counter(
            kind for call in endpoint.calls() for kind in call["fault"].split() if kind != "refuse"
        )
        with capsys.disabled():
            print(figures(feeds, books, weather, faults))  # noqa: T201 - the figures are the result

    assert drained
    for name, book in books.items():
        book.check(redelivered=True)
        assert book.waiting == 0, name
    for each in feeds:
        assert each.totals()["dropped"] == 0
        assert each.longest_stall < stall_limit()


def stall_limit() -> float:
    """Every try as long as an invocation may be, the pauses between them, and a slow machine."""
    return (RETRIES + 1) * SECONDS + 0.2 * 2.0**RETRIES + 15.0


def produce(feeds: list[Feed], *, until: float) -> None:
    pause = Event()
    while time.monotonic() < until:
        for feed in feeds:
            feed.produce(2 if DESTINATIONS[feed.name].identity else 8)
            feed.look()
        pause.wait(TICK_SECONDS)


def drain(feeds: list[Feed], change: Condition) -> bool:
    asked = time.monotonic()

    def done() -> bool:
        for feed in feeds:
            feed.look()
        return all(feed.drained(asked) for feed in feeds)

    with change:
        return change.wait_for(done, DRAIN_SECONDS)


def stored(endpoint: Endpoint, feed: str) -> list[dict[str, object]]:
    return endpoint.entries(DESTINATIONS[feed].action)


def figures(
    feeds: list[Feed], books: dict[str, Balance], weather: Weather, faults: Counter[str]
) -> str:
    """What the soak did and found, one figure a line."""

    def total(name: str) -> int:
        found = (getattr(book, name) for book in books.values())
        return sum(each if isinstance(each, int) else len(each) for each in found)

    mapped = sum((feed.totals() for feed in feeds), Counter[str]())
    forms = sum((feed.forms for feed in feeds), Counter[str]())
    kills = sum(feed.fleet.killed for feed in feeds)
    lines = {
        "minutes, seed": f"{MINUTES:g}, {SEED}",
        **{name: total(name) for name in ("records", "entries", "delivered", "rejected")},
        "abandoned": total("abandoned"),
        "lost": total("missing") + total("waiting"),
        "doubled": total("doubled") + total("unknown"),
        "altered": total("altered"),
        "reached the same end again": total("repeated"),
        "longest shard stall": f"{max(feed.longest_stall for feed in feeds):.1f} s",
        "invocations, retries, bisects": ", ".join(
            str(mapped[name]) for name in ("invocations", "retries", "bisects")
        ),
        "spells of faults": sum(weather.spells.values()),
        **{f"  records: {name}": count for name, count in sorted(forms.items())},
        **{f"  calls: {name}": count for name, count in sorted(faults.items())},
        **{f"  calls: {name}": count for name, count in sorted(weather.hits.items())},
        "  kills": kills,
    }
    return "\n" + "\n".join(f"{name:<34} {value}" for name, value in lines.items())
