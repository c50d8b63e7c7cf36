"""What a command works on: a stage's feeds with their verbs, and the dead letters it holds."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pstream.deployment import Deployment
from replayer.aws import Services, connect
from replayer.forms import read
from replayer.hold import Hold
from replayer.letters import Letter
from replayer.site import Site


@dataclass(frozen=True, slots=True)
class Desk:
    """A stage's dead letters, held while they are worked on.

    Attributes:
        sites: The feeds.
        services: Their verbs.
        hold: Holds the messages.
        letters: What could be received, the oldest first.
        elsewhere: How many messages somebody else holds, or a run that was killed.
    """

    sites: dict[str, Site]
    services: dict[str, Services]
    hold: Hold
    letters: Sequence[Letter]
    elsewhere: int

    def of(self, feed: str) -> list[Letter]:
        """Give the dead letters of one feed."""
        return [letter for letter in self.letters if letter.feed == feed]


@contextmanager
def open_desk(
    deployment: Deployment,
    sites: Sequence[Site],
    *,
    seconds: int,
    watch: Callable[[int], None] = lambda _count: None,
) -> Iterator[Desk]:
    """Receive all dead letters of some feeds, and release what is left of them at the end."""
    services = {site.feed: connect(deployment.session, site) for site in sites}
    queues = {feed: each.queue for feed, each in services.items()}
    with Hold(queues, seconds=seconds) as hold:
        elsewhere = hold.elsewhere()
        letters = [read(held) for held in hold.receive_all(watch)]
        yield Desk({site.feed: site for site in sites}, services, hold, letters, elsewhere)
