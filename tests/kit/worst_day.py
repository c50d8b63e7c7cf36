"""10,000 dead letters of all forms, as a misspelt field and an outage leave behind."""

from datetime import UTC, datetime, timedelta

from builders import document_of
from dead_letter_world import World, rejections
from operator_stage import OperatorStage

from forwarder.outcomes import Record

SENT = 1_600_000_000


def misspelt(number: int) -> dict[str, object]:
    """An event whose producer cannot spell."""
    session, item = f"s{number % 300}", f"i{number}"
    return document_of("events", sentAt=SENT, sessionId=session, itmeId=item)


def worst_day(stage: OperatorStage) -> tuple[World, set[str]]:
    """Make them; return their world, and the eventIds that have to go back."""
    ago = datetime.now(UTC) - timedelta(hours=2)
    world = stage.world("events")
    first: list[Record] = []
    for number in range(9000):
        record = world.arrive(misspelt(number), at=ago, key=f"s{number % 300}")
        world.reject(*rejections(world, record))
        first.append(record)
    for number in range(900):
        pair = [world.arrive(misspelt(n), at=ago, key=f"b{number}") for n in range(2)]
        world.abandon(pair, as_text=number % 2 == 0)
        first += pair
    for number in range(20):
        large = {**misspelt(number), "sessionId": "s" * 200, "x" * 150_000: 1}
        world.reject(*rejections(world, world.arrive(large, at=ago)))
    on_stream = stage.put("events", [(misspelt(n), "p") for n in range(150)])
    for start in range(0, 150, 2):
        world.tell(world.pointer(on_stream[start : start + 2]))
    first += on_stream
    world.tell({"Service": "Amazon S3", "Event": "s3:TestEvent"})
    for _ in range(4):
        world.tell("{ not a dead letter")
    stage.fill(world)
    assert len(world.queue) == 10_000
    return world, {f"{each.stream_name}/{each.shard}:{each.sequence}#0" for each in first}
