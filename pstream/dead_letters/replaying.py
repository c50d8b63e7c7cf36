"""`replay`: a plan of every chosen feed, agreed to once, and carried out portion by portion."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console

from forwarder.destinations import Destination
from pstream.dead_letters.inquiry import Inquiry
from pstream.dead_letters.printing import print_done, print_plan
from pstream.dead_letters.progress import advancing
from pstream.dead_letters.work import FeedWork, Planner, doing
from replayer.act import Done
from replayer.doing import Doing
from replayer.fates import Fate
from replayer.letters import Kind
from replayer.mend import Edit, Mend, mender
from replayer.portions import portions
from replayer.replay import Replay, utc_now
from replayer.tally import Tally


@dataclass(frozen=True, slots=True)
class Mending:
    """How documents are mended: by a program first, by edits after it."""

    edits: Sequence[Edit] = ()
    program: Mend | None = None

    def of(self, destination: Destination) -> Mend | None:
        """Make the mending of one feed's documents; None where there is none."""
        verbs = [self.program] if self.program else []
        if self.edits:
            verbs.append(mender(self.edits, destination))
        if not verbs:
            return None

        def mend(lines: Sequence[bytes]) -> Sequence[bytes]:
            for verb in verbs:
                lines = verb(lines)
            return lines

        return mend


def replay(inquiry: Inquiry, mending: Mending, *, rate: float, force: bool, dry_run: bool) -> bool:
    """Replay what is chosen; say whether all of it is done."""
    works = [
        work
        for feed in inquiry.desk.sites
        if (work := _work(inquiry, feed, mending, force=force)) is not None
    ]
    options = {
        "edits": len(mending.edits),
        "through": mending.program is not None,
        "force": force,
        "rate": rate,
    }
    return carry_out(inquiry, works, options, rate=rate, dry_run=dry_run)


def _work(inquiry: Inquiry, feed: str, mending: Mending, *, force: bool) -> FeedWork | None:
    desk = inquiry.desk
    replayable = [letter for letter in desk.letters if letter.kind is not Kind.TEST]
    letters = [each for each in inquiry.selection.of(replayable) if each.feed == feed]
    if not letters:
        return None
    replay_ = Replay(
        site=desk.sites[feed],
        services=desk.services[feed],
        mend=mending.of(desk.sites[feed].destination),
        force=force,
        trust=force,
        now=utc_now,
    )
    parts = list(portions(letters))
    planner = Planner(replay_, desk.of(feed))
    first = planner.plan(parts[0])
    return FeedWork(
        feed,
        first,
        [partial(planner.plan, part) for part in parts[1:]],
        partial(planner.plan, parts[0], trust=True),
        Tally(),
    )


def carry_out(
    inquiry: Inquiry,
    works: Sequence[FeedWork],
    options: Mapping[str, Any],
    *,
    rate: float,
    dry_run: bool,
) -> bool:
    """Print the plan; if it is agreed to, do it; say whether all that was chosen is done."""
    for work in works:
        work.tally.add(work.first[0])
    if dry_run:
        for work in works:
            for plan in work.rest:
                work.tally.add(plan()[0])
    print_plan(inquiry.console, {work.feed: work.tally for work in works})
    _say_more(inquiry.console, works, dry_run=dry_run)
    acted = not dry_run and _agreed(inquiry, works)
    tallies = {work.feed: work.tally for work in works}
    if acted:
        with inquiry.audited(options) as counts:
            for work in works:
                _do(work, doing(inquiry, work.feed, rate), counts)
        print_done(inquiry.console, tallies)
    if inquiry.as_json:
        feeds = {feed: tally.as_json() for feed, tally in tallies.items()}
        summary = {"stage": inquiry.deployment.stage, "acted": acted, "feeds": feeds}
        print(json.dumps(summary, indent=2))
    return all(tally.complete for tally in tallies.values()) and (acted or dry_run or not works)


def _do(work: FeedWork, doing_: Doing, counts: dict[str, Any]) -> None:
    """Carry out one feed's plans; the counts are right at any time."""
    tally = work.tally
    tally.done = before = Done()
    with advancing(work.feed) as tell:

        def watch(now: Done) -> None:
            tally.done = before + now
            counts[work.feed] = tally.counts()
            tell(tally.done.records, tally.records)

        watch(doing_.carry_out(*work.first, watch=watch))
        for plan in work.rest:
            before = tally.done
            steps, newest = plan()
            tally.add(steps)
            watch(doing_.carry_out(steps, newest, watch=watch))


def _say_more(console: Console, works: Sequence[FeedWork], *, dry_run: bool) -> None:
    for work in works:
        if work.rest and not dry_run:
            console.print(
                f"{work.feed}: this is the first of {len(work.rest) + 1} portions; "
                "the others are planned and done after it (--dry-run plans all)."
            )
    if not works:
        console.print("There is nothing to replay.")


def _agreed(inquiry: Inquiry, works: Sequence[FeedWork]) -> bool:
    """Ask about what nobody can verify, then about the whole; nothing is done before."""
    for work in works:
        count = work.tally.fates[Fate.UNVERIFIED]
        asked = count and not inquiry.yes and not inquiry.as_json
        if asked and inquiry.agrees(
            f"{work.feed}: the stream no longer reaches back to the origin of {count:,} entries, "
            "so they may undo newer states. Put them back all the same?"
        ):
            work.first = work.replan()
            work.tally = Tally()
            work.tally.add(work.first[0])
    records = sum(work.tally.records for work in works)
    leaving = sum(work.tally.leaving for work in works)
    if not leaving and not records:
        return False
    return inquiry.agrees(
        f"Put {records:,} records back on the streams of {inquiry.deployment.stage}, and then "
        f"delete {leaving:,} dead letters?"
    )
