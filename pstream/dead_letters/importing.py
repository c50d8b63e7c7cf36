"""`import`: replays the documents of a file, in place of those that the queue holds."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pstream.dead_letters.archive import Edited
from pstream.dead_letters.inquiry import Inquiry
from pstream.dead_letters.replaying import carry_out
from pstream.dead_letters.work import FeedWork, Planned
from replayer.letters import Contents, Held, Kind, Letter, Piece, TestMessage
from replayer.prepare import Prepared, prepare_one
from replayer.replay import Replay, utc_now
from replayer.tally import Tally

FROM_FILE = "from the file"


def import_(
    inquiry: Inquiry, edited: Sequence[Edited], *, rate: float, force: bool, dry_run: bool
) -> bool:
    """Put the file's documents back; a dead letter that they are all of is deleted.

    What is in the file only, such as an export that a purge wrote, goes back as well.
    """
    works = []
    for feed in inquiry.desk.sites:
        of_feed = [each for each in edited if each.feed == feed]
        if of_feed:
            works.append(_work(inquiry, feed, of_feed, force=force))
    options = {"lines": len(edited), "force": force, "rate": rate}
    return carry_out(inquiry, works, options, rate=rate, dry_run=dry_run)


def _work(inquiry: Inquiry, feed: str, edited: Sequence[Edited], *, force: bool) -> FeedWork:
    desk = inquiry.desk

    def plan(*, trust: bool) -> Planned:
        replay = Replay(
            site=desk.sites[feed],
            services=desk.services[feed],
            force=force,
            trust=trust,
            now=utc_now,
        )
        ids = {each.letter for each in edited}
        inside = {letter.id: letter for letter in desk.of(feed) if letter.id in ids}
        loaded = {contents.letter.id: contents for contents in replay.load(inside.values())}
        others = [letter for letter in desk.of(feed) if letter.id not in ids]
        return replay.plan_prepared(list(_prepared(replay, edited, loaded)), others)

    return FeedWork(feed, plan(trust=force), [], lambda: plan(trust=True), Tally())


def _prepared(
    replay: Replay, edited: Sequence[Edited], loaded: dict[str, Contents]
) -> Iterator[tuple[Contents, list[Prepared]]]:
    rules = replay.rules()
    of_letter: dict[str, list[Edited]] = {}
    for each in edited:
        of_letter.setdefault(each.letter, []).append(each)
    for id_, pieces in of_letter.items():
        prepared = [prepare_one(each.piece, each.mended, rules) for each in pieces]
        yield _contents(id_, pieces, loaded.get(id_)), prepared


def _contents(id_: str, edited: Sequence[Edited], held: Contents | None) -> Contents:
    pieces = tuple(each.piece for each in edited)
    if held is None:
        return Contents(_filed(id_, edited[0].feed), pieces)
    filed = {_key(piece) for piece in pieces}
    missing = sum(_key(piece) not in filed for piece in held.pieces)
    lacking = held.lacking
    if lacking is None and missing:
        lacking = f"{missing} of its documents are not in the file"
    return Contents(held.letter, pieces, held.objects, lacking, held.unreadable, held.note)


def _key(piece: Piece) -> tuple[str, str, int, tuple[int, ...] | None]:
    record = piece.document.record
    return (record.shard, record.sequence, piece.document.number, piece.elements)


def _filed(id_: str, feed: str) -> Letter:
    """A dead letter that is in the file only; it has no receipt, so nothing deletes it."""
    sent = datetime.fromtimestamp(0, UTC)
    held = Held(feed, id_, "", "", sent)
    return Letter(held, Kind.REJECTED, TestMessage(), FROM_FILE, None, FROM_FILE, sent)
