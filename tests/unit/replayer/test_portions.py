"""What is planned together fits into memory."""

from dead_letter_world import World

from replayer.forms import read
from replayer.letters import Held, Letter
from replayer.portions import MOST_BYTES, portions


def letters(world: World) -> list[Letter]:
    return world.letters()


def test_small_letters_are_one_portion():
    world = World()
    for number in range(50):
        world.tell({"n": number})

    (portion,) = portions(letters(world))

    assert len(portion) == 50


def test_large_batches_are_planned_one_after_the_other_in_their_order():
    world = World()
    for number in range(3):
        notification = world.notification(f"batch {number}")
        notification["Records"][0]["s3"]["object"]["size"] = MOST_BYTES // 2 + 1
        world.tell(notification)

    found = list(portions(letters(world)))

    assert [len(portion) for portion in found] == [1, 1, 1]
    assert [letter.id for portion in found for letter in portion] == list(world.queue)


def test_a_batch_of_which_only_the_place_is_known_counts_by_its_records():
    world = World()
    pointer = world.pointer([world.arrive({})])
    pointer["KinesisBatchInfo"]["batchSize"] = 10_000
    for _ in range(12):
        world.tell(pointer)

    assert [len(portion) for portion in portions(letters(world))] == [10, 2]


def test_a_letter_that_is_larger_than_memory_has_room_for_is_still_tried():
    body = '{"x": "' + "x" * 10 + '"}'
    held = Held("events", "1", "r", body, World().now)

    assert len(list(portions([read(held)]))) == 1
