"""Messages are held without being consumed."""

import threading

import pytest
from dead_letter_world import World

from replayer.forms import read
from replayer.hold import Hold, Queue


def filled(count: int) -> World:
    world = World()
    for number in range(count):
        world.tell({"n": number})
    return world


def hold(world: World, **options: int) -> Hold:
    return Hold({world.feed: world.services().queue}, **{"seconds": 60, **options})


def test_all_messages_are_received_by_many_readers_once_each():
    world = filled(137)

    with hold(world) as held:
        assert len(held.receive_all()) == 137
        assert len(world.hidden) == 137


def test_what_is_not_deleted_is_shown_again_at_the_end():
    world = filled(30)

    with hold(world) as held:
        letters = [read(each) for each in held.receive_all()]
        gone = held.delete(letters[:12])

    assert len(gone) == 12
    assert (len(world.queue), world.hidden & set(world.queue)) == (18, set())


def test_they_are_shown_again_also_when_the_command_is_interrupted():
    world = filled(30)

    def interrupted() -> None:
        with hold(world) as held:
            held.receive_all()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert world.hidden == set()


def test_an_error_while_reading_ends_every_reader_and_releases_what_they_had():
    world = filled(50)
    queue = world.services().queue
    calls: list[int] = []

    def receive(seconds: int):
        calls.append(seconds)
        if len(calls) == 3:
            raise PermissionError
        return queue.receive(seconds)

    broken = Queue(receive=receive, hide=queue.hide, delete=queue.delete, hidden=queue.hidden)
    with pytest.raises(PermissionError), Hold({world.feed: broken}, seconds=60) as held:
        held.receive_all()

    assert world.hidden == set()


def test_a_message_is_kept_hidden_for_as_long_as_it_is_held():
    world = filled(3)
    queue = world.services().queue
    hidden = threading.Event()

    def hide(receipts, seconds: int) -> None:
        if seconds:
            hidden.set()
        queue.hide(receipts, seconds)

    kept = Queue(receive=queue.receive, hide=hide, delete=queue.delete, hidden=queue.hidden)
    with Hold({world.feed: kept}, seconds=1) as held:
        held.receive_all()
        assert hidden.wait(10)


def test_messages_that_show_again_while_others_are_read_do_not_hold_up_the_end():
    world = filled(20)
    queue = world.services().queue

    def receive(seconds: int):
        world.hidden.clear()
        return queue.receive(seconds)

    stub = Queue(receive=receive, hide=queue.hide, delete=queue.delete, hidden=queue.hidden)
    with Hold({world.feed: stub}, seconds=60) as held:
        assert len(held.receive_all()) == 10


def test_a_message_received_twice_is_held_once_with_its_last_receipt():
    world = filled(1)
    queue = world.services().queue
    answers = [queue.receive(60), queue.receive(60)]
    again = [*answers[0]] * 2
    stub = Queue(
        receive=lambda _: [again.pop()] if again else [],
        hide=queue.hide,
        delete=queue.delete,
        hidden=queue.hidden,
    )

    with Hold({world.feed: stub}, seconds=60) as held:
        assert len(held.receive_all()) == 1
