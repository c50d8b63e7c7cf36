"""One invocation's share of a replay: as many feeds and portions as there is time for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from forwarder.dead_letters import DeadLetters
from replayer.act import Done
from replayer.aws import Services
from replayer.doing import Doing
from replayer.forms import read
from replayer.hold import Hold
from replayer.letters import Kind, Letter
from replayer.portions import portions
from replayer.replay import Replay
from replayer.request import Request
from replayer.site import Site
from replayer.tally import Tally


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed and its verbs."""

    site: Site
    services: Services
    dead_letters: DeadLetters


@dataclass(frozen=True, slots=True)
class Lap:
    """What was done, and what is left to do: None when nothing is, or nothing moves any more."""

    tallies: Mapping[str, Tally]
    rest: Request | None

    def as_json(self, stage: str) -> dict[str, Any]:
        """Write the summary, in the command line's words."""
        feeds = {feed: tally.as_json() for feed, tally in self.tallies.items()}
        return {"stage": stage, "feeds": feeds, "resumes": self.rest is not None}


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs laps.

    Attributes:
        feeds: The stage's feeds.
        stop: Whether time is up.
        now: The time.
        hold: Seconds that messages stay hidden if the invocation dies.
    """

    feeds: Mapping[str, Feed]
    stop: Callable[[], bool]
    now: Callable[[], datetime]
    hold: int = 90

    def run(self, request: Request) -> Lap:
        """Run one lap. What is left is planned anew by the next, from what is in the queue then.

        A lap that neither put a record nor deleted a message is the last: what stays would stay.
        """
        waiting = list(request.feeds or self.feeds)
        tallies: dict[str, Tally] = {}
        while waiting:
            if tallies and self.stop():
                break
            tallies[waiting[0]], complete = self._replay(self.feeds[waiting[0]], request)
            if not complete:
                break
            waiting.pop(0)
        letters = sum(tally.done.letters for tally in tallies.values() if tally.done)
        records = sum(tally.done.records for tally in tallies.values() if tally.done)
        moved = letters + records > 0 or len(waiting) < len(request.feeds or self.feeds)
        rest = request.rest(waiting, letters) if waiting and moved else None
        return Lap(tallies, rest)

    def _replay(self, feed: Feed, request: Request) -> tuple[Tally, bool]:
        tally = Tally()
        with Hold({feed.site.feed: feed.services.queue}, seconds=self.hold) as hold:
            alone = hold.elsewhere() == 0
            letters = [read(held) for held in hold.receive_all()]
            chosen = request.selection([each for each in letters if each.kind is not Kind.TEST])
            doing = Doing(
                site=feed.site,
                services=feed.services,
                dead_letters=feed.dead_letters,
                hold=hold,
                letters=letters,
                alone=alone,
                rate=request.rate,
            )
            for portion in portions(chosen):
                if self.stop():
                    return tally, False
                if self._portion(doing, request, portion, tally):
                    return tally, False
        return tally, True

    def _portion(
        self, doing: Doing, request: Request, portion: Sequence[Letter], tally: Tally
    ) -> bool:
        """Replay a portion; say whether time ran out."""
        replay = Replay(
            site=doing.site,
            services=doing.services,
            mend=request.mend(doing.site.destination),
            force=request.force,
            trust=request.force,
            now=self.now,
        )
        ids = {letter.id for letter in portion}
        others = [letter for letter in doing.letters if letter.id not in ids]
        steps, newest = replay.plan(portion, others)
        tally.add(steps)
        if request.dry_run:
            return False
        done = doing.carry_out(steps, newest, stop=self.stop)
        tally.done = (tally.done or Done()) + done
        return done.stopped
