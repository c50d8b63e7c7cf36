"""One feed's part of a command that replays or imports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pstream.dead_letters.inquiry import Inquiry
from replayer.doing import Doing, dead_letters_of
from replayer.letters import Letter
from replayer.newest import Newest
from replayer.plan import Step
from replayer.replay import Replay
from replayer.tally import Tally

FUNCTION = "pstream dead-letters"
"""What a dead letter that a replay keeps apart names as its function."""

Planned = tuple[list[Step], Newest | None]


@dataclass(slots=True)
class FeedWork:
    """One feed's plan: of its first portion, and how to make those after it.

    Attributes:
        feed: The feed.
        first: The plan of the first portion.
        rest: Make the plans of the others, one after the other.
        replan: Makes the first plan again, with what nobody can verify.
        tally: All of it in numbers.
    """

    feed: str
    first: Planned
    rest: Sequence[Callable[[], Planned]]
    replan: Callable[[], Planned]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans one feed's replay, a portion at a time."""

    replay: Replay
    letters: Sequence[Letter]

    def plan(self, portion: Sequence[Letter], *, trust: bool = False) -> Planned:
        """Plan one portion; all other letters of the feed may know of newer states."""
        chosen = {letter.id for letter in portion}
        others = [letter for letter in self.letters if letter.id not in chosen]
        return replace(self.replay, trust=self.replay.trust or trust).plan(portion, others)


def doing(inquiry: Inquiry, feed: str, rate: float) -> Doing:
    """Say how one feed's plans are carried out."""
    desk = inquiry.desk
    site = desk.sites[feed]
    return Doing(
        site=site,
        services=desk.services[feed],
        dead_letters=dead_letters_of(inquiry.deployment.session, site, function=FUNCTION),
        hold=desk.hold,
        letters=desk.of(feed),
        alone=desk.elsewhere == 0,
        rate=rate,
    )
