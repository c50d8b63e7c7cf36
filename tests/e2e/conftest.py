"""One deployed stack for all end-to-end tests: deploying takes longer than any of them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from local.dead_letters import DeadLetters, read_dead_letters
from local.demo import account, drain, put
from local.outputs import DeployedFeed
from local.reckoning import Account, Put
from local.shop import ShopRecord, make_records
from local.stack import Stack


@dataclass(frozen=True)
class Done:
    """A shop whose records were all delivered, and what was then read back, by feed."""

    shop: Mapping[str, Sequence[ShopRecord]]
    puts: Mapping[str, Sequence[Put]]
    letters: Mapping[str, DeadLetters]
    accounts: Mapping[str, Account]
    calls: Mapping[str, int]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory) -> Iterator[Stack]:
    """The real template, deployed by the real CDK command line, its streams still unread."""
    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def done(deployed: Stack) -> Done:
    """The records are there before they are read, so that the numbers of calls are known."""
    targets = {name: feed.target for name, feed in deployed.feeds.items()}
    shop = make_records(seed=7, now=int(time.time()), targets=targets, size=600)
    puts = {name: put(deployed, deployed.feeds[name], shop[name]) for name in shop}
    drain(deployed, puts, lambda _: None)
    feeds = deployed.feeds.values()
    letters = {feed.name: read_dead_letters(deployed.clients, feed) for feed in feeds}
    return Done(
        shop,
        puts,
        letters,
        {feed.name: account(deployed, feed, puts[feed.name], letters[feed.name]) for feed in feeds},
        {feed.name: calls_of(deployed, feed) for feed in feeds},
    )


@pytest.fixture
def stack(deployed: Stack, done: Done) -> Stack:  # noqa: ARG001 - it has to come first
    """The stack with its mappings at work, after the shop."""
    return deployed


def calls_of(stack: Stack, feed: DeployedFeed) -> int:
    """How many calls the endpoint got for a feed."""
    operations = stack.personalize.summary()["operations"]
    return int(operations[feed.destination.action][feed.target]["calls"])
