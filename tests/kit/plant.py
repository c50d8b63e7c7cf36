"""Feeds at work between an emulated AWS and a Personalize that fails as told: what soaks break."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event

from accountant import Balance
from evidence import DeadLetterStore
from gate import Gate, gate
from producer import REFUSAL
from rig import Cloud
from soaking import Feed

from forwarder.destinations import DESTINATIONS
from local.clients import connect as connect_all
from local.emulator import CREDENTIALS, REGION, Emulator
from local.mappings.clients import connect
from local.personalize import Endpoint

SHARDS = {"events": 2, "items": 1, "action-interactions": 1}
TARGETS = {
    "trackingId": "tracker",
    "datasetArn": "arn:aws:personalize:us-east-1:000000000000:dataset/local/ITEMS",
}
DRAIN_SECONDS = 120.0
TICK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Plant:
    """Feeds, and what stands around them.

    Attributes:
        feeds: Each with a stream, a faithful mapping and forwarders in processes.
        endpoint: Personalize.
        before_personalize: The gate before it.
        before_aws: The gate before queue and bucket.
        change: Notified whenever a shard has come on.
    """

    feeds: tuple[Feed, ...]
    endpoint: Endpoint
    before_personalize: Gate
    before_aws: Gate
    change: Condition

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The mappings run inside the block; the books are final after it."""
        with ExitStack() as stack:
            for feed in self.feeds:
                stack.enter_context(feed)
            yield

    def produce(self, *, seconds: float) -> None:
        """Put records for so long."""
        until, pause = time.monotonic() + seconds, Event()
        while time.monotonic() < until:
            for feed in self.feeds:
                feed.produce(2 if DESTINATIONS[feed.name].identity else 8)
                feed.look()
            pause.wait(TICK_SECONDS)

    def drain(self) -> bool:
        """Whether all that was put comes to an end in time."""
        asked = time.monotonic()

        def done() -> bool:
            for feed in self.feeds:
                feed.look()
            return all(feed.drained(asked) for feed in self.feeds)

        with self.change:
            return self.change.wait_for(done, DRAIN_SECONDS)

    def books(self) -> dict[str, Balance]:
        """Every record of each feed, and where it was found."""
        return {
            each.name: each.balance(self.endpoint.entries(DESTINATIONS[each.name].action))
            for each in self.feeds
        }

    def faults(self) -> Counter[str]:
        """How many calls met each fault of Personalize's."""
        told = (call["fault"].split() for call in self.endpoint.calls())
        return Counter(kind for kinds in told for kind in kinds if kind != "refuse")


@contextmanager
def plant(directory: Path, *, seed: int, seconds: float, retries: int) -> Iterator[Plant]:
    """A plant in calm weather; see `Feed` for seconds and retries."""
    change = Condition()

    def changed() -> None:
        with change:
            change.notify_all()

    with (
        Emulator(directory) as emulator,
        Endpoint(faults=[REFUSAL], seed=seed) as endpoint,
        gate(endpoint.url) as before_personalize,
        gate(emulator.url) as before_aws,
    ):
        cloud = Cloud(emulator.url, connect_all(emulator.url))
        clients = connect(emulator.url, REGION)

        def feed(name: str) -> Feed:
            logs = directory / name
            logs.mkdir()
            store = cloud.store()
            environment = _settings(name, store, before_personalize.url, before_aws.url)
            return Feed(
                name, clients=clients, store=store, environment=environment, directory=logs,
                seed=seed, shards=SHARDS[name], seconds=seconds, retries=retries, changed=changed,
            )  # fmt: skip

        feeds = tuple(map(feed, SHARDS))
        yield Plant(feeds, endpoint, before_personalize, before_aws, change)


def _settings(name: str, store: DeadLetterStore, personalize: str, aws: str) -> Mapping[str, str]:
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


def figures(
    plant: Plant,
    books: Mapping[str, Balance],
    *,
    run: Mapping[str, object],
    detail: Mapping[str, object] | None = None,
) -> str:
    """What a soak did and found, one figure a line: what run it was first, its details last."""

    def total(name: str) -> int:
        found = (getattr(book, name) for book in books.values())
        return sum(each if isinstance(each, int) else len(each) for each in found)

    mapped = sum((feed.totals() for feed in plant.feeds), Counter[str]())
    lines = {
        **run,
        **{name: total(name) for name in ("records", "entries", "delivered", "rejected")},
        "abandoned": total("abandoned"),
        "lost": total("missing") + total("waiting"),
        "doubled": total("doubled") + total("unknown"),
        "altered": total("altered"),
        "reached the same end again": total("repeated"),
        "longest shard stall": f"{max(feed.longest_stall for feed in plant.feeds):.1f} s",
        "longest invocation": f"{max(feed.fleet.longest for feed in plant.feeds):.1f} s",
        "invocations, retries, bisects": ", ".join(
            str(mapped[name]) for name in ("invocations", "retries", "bisects")
        ),
        **{f"  calls: {name}": count for name, count in sorted(plant.faults().items())},
        **{f"  {name}": value for name, value in (detail or {}).items()},
    }
    return "\n" + "\n".join(f"{name:<34} {value}" for name, value in lines.items())
