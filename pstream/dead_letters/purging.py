"""`purge` and `export`: what is deleted was written to a file first."""

import json
from collections.abc import Sequence
from pathlib import Path

from pstream.dead_letters import archive, listing
from pstream.dead_letters.desk import Desk
from pstream.dead_letters.inquiry import Inquiry
from pstream.dead_letters.work import Planner
from replayer.fates import Fate
from replayer.letters import Contents, Kind, Letter
from replayer.portions import portions, shared_objects
from replayer.replay import Replay, utc_now


def export(desk: Desk, letters: Sequence[Letter], file: Path) -> int:
    """Write dead letters to a file that does not exist yet; return how many lines.

    Raises:
        FileExistsError: it does.
    """
    count = 0
    with file.open("x", encoding="utf-8") as out:
        for site in desk.sites.values():
            for portion in portions(each for each in letters if each.feed == site.feed):
                for contents in load(desk, site.feed, portion):
                    for text in archive.write(contents, site.destination):
                        out.write(text + "\n")
                        count += 1
    return count


def load(desk: Desk, feed: str, letters: Sequence[Letter]) -> list[Contents]:
    """Load the documents of one feed's dead letters."""
    return Replay(site=desk.sites[feed], services=desk.services[feed], now=utc_now).load(letters)


def purge(inquiry: Inquiry, file: Path, *, stale: bool = False) -> bool:
    """Delete what is chosen, once it is in the file; say whether all of it is gone.

    What cannot be read is never deleted: it may be all that there is of a record. With `stale`
    only those are chosen of which nothing would go back, as newer states of their ids are known.
    """
    chosen = inquiry.selection.of(inquiry.desk.letters)
    if stale:
        outdated = _stale(inquiry.desk, chosen)
        chosen = [letter for letter in chosen if letter.id in outdated]
    letters = [letter for letter in chosen if letter.kind is not Kind.UNREADABLE]
    console = inquiry.console
    if letters:
        console.print(listing.table_of_groups(listing.group(letters)))
    if len(letters) < len(chosen):
        console.print(f"{len(chosen) - len(letters):,} cannot be read; they stay.")
    acted = bool(letters) and inquiry.agrees(
        f"Write {len(letters):,} dead letters to {file}, then delete them for good?"
    )
    deleted = 0
    if acted:
        with inquiry.audited({"export": str(file)}) as counts:
            counts["letters"] = len(letters)
            counts["lines"] = export(inquiry.desk, letters, file)
            counts["deleted"] = deleted = _delete(inquiry.desk, letters)
        console.print(f"{deleted:,} dead letters deleted; {file} can be imported again.")
    if inquiry.as_json:
        found = {"stage": inquiry.deployment.stage, "letters": len(chosen), "deleted": deleted}
        print(json.dumps({**found, "export": str(file) if acted else None}, indent=2))
    return deleted == len(chosen)


def _stale(desk: Desk, chosen: Sequence[Letter]) -> set[str]:
    """Find the letters that a replay would leave for being stale, and for nothing else."""
    found: set[str] = set()
    for feed, site in desk.sites.items():
        planner = Planner(
            Replay(site=site, services=desk.services[feed], now=utc_now), desk.of(feed)
        )
        for portion in portions(each for each in chosen if each.feed == feed):
            steps, _ = planner.plan(portion)
            found |= {
                step.letter.id
                for step in steps
                if Fate.STALE in step.fates and set(step.fates) <= {Fate.STALE, Fate.THERE}
            }
    return found


def _delete(desk: Desk, letters: Sequence[Letter]) -> int:
    """Delete messages, and after each its objects, unless those cannot be read."""
    alone = desk.elsewhere == 0
    deleted = 0
    for feed, services in desk.services.items():
        shared = shared_objects(desk.of(feed), alone=alone, now=utc_now())
        for portion in portions(each for each in letters if each.feed == feed):
            readable = [each for each in load(desk, feed, portion) if not each.unreadable]
            gone = desk.hold.delete([contents.letter for contents in readable])
            deleted += len(gone)
            for contents in readable:
                if contents.letter.id in gone:
                    for stored in set(contents.objects) - shared:
                        services.delete_object(stored)
    return deleted
