"""Carries plans out with a feed's verbs: what the command line and the function have in common."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import boto3

from forwarder.dead_letters import DeadLetters
from forwarder.storage import Storage
from replayer.act import Done, Verbs, act
from replayer.aws import Services
from replayer.hold import Hold
from replayer.keeping import keeper
from replayer.letters import Letter
from replayer.newest import Newest
from replayer.plan import Step
from replayer.portions import shared_objects
from replayer.put_records import Putter
from replayer.replay import utc_now
from replayer.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """How the plans of one feed are carried out.

    Attributes:
        site: The feed.
        services: Its verbs.
        dead_letters: Keeps what fails again.
        hold: Holds its messages.
        letters: All of its dead letters that could be received.
        alone: Whether nobody else holds messages of its queue.
        rate: Records a second.
    """

    site: Site
    services: Services
    dead_letters: DeadLetters
    hold: Hold
    letters: Sequence[Letter]
    alone: bool
    rate: float

    def carry_out(
        self,
        steps: Sequence[Step],
        newest: Newest | None,
        *,
        stop: Callable[[], bool] = lambda: False,
        watch: Callable[[Done], None] = lambda _done: None,
    ) -> Done:
        """Act on a plan."""
        verbs = Verbs(
            put=Putter(self.services.send, self.rate).put,
            keep=keeper(self.dead_letters),
            delete=self._delete,
            delete_object=self.services.delete_object,
        )
        shared = shared_objects(self.letters, alone=self.alone, now=utc_now())
        return act(steps, verbs, newest=newest, shared=shared, stop=stop, watch=watch)

    def _delete(self, letters: Sequence[Letter]) -> frozenset[str]:
        # What came from a file alone has no message.
        filed = frozenset(letter.id for letter in letters if not letter.held.receipt)
        return filed | self.hold.delete([each for each in letters if each.held.receipt])


def dead_letters_of(session: boto3.Session, site: Site, *, function: str) -> DeadLetters:
    """Make what keeps a feed's dead letters, as its forwarder does, in `function`'s name."""
    storage = Storage(
        session._session,  # noqa: SLF001 - boto3 has no public way to its botocore session
        queue_url=site.queue_url,
        bucket=site.bucket,
    )
    return DeadLetters(
        feed=site.feed,
        stage=site.stage,
        function=function,
        send=storage.send,
        put=storage.put,
        now=utc_now,
        clock=time.monotonic,
    )
