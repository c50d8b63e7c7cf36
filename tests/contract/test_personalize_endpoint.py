"""The local endpoint serves what botocore's service model says, all of it and nothing else."""

import re

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, StringShape, StructureShape
from personalize_calls import CALLS, boto3_client

from local.personalize import Endpoint
from local.personalize.answers import Answer
from local.personalize.model import load_operations, load_service_model
from local.personalize.requests import accept
from local.personalize.validation import RESERVED

SERVICE = load_service_model()
OPERATIONS = load_operations()
ERRORS = [
    (name, error.name) for name in SERVICE.operation_names
    for error in SERVICE.operation_model(name).error_shapes
]  # fmt: skip


@pytest.fixture(scope="module")
def endpoint():
    with Endpoint() as running:
        yield running


@pytest.fixture(scope="module")
def client(endpoint):
    with boto3_client(endpoint.url) as made:
        yield made


def request_shape(name):
    shape = SERVICE.operation_model(name).input_shape
    assert isinstance(shape, StructureShape)
    return shape


def smallest(shape):
    """A small valid value of a shape, with its required members only."""
    if isinstance(shape, StructureShape):
        return {name: smallest(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [smallest(shape.member)]
    return 1 if shape.type_name in ("float", "timestamp") else text(shape)


def text(shape, length=None):
    """A text of this length, valid if the bounds allow it; without one, a short valid text."""
    arn = "arn:" in shape.metadata.get("pattern", "")
    start, more = ("arn:aws:personalize:::d", "d") if arn else ("x", "x")
    if shape.serialization.get("jsonvalue"):
        start, more = "{}", " "
    return start if length is None else start.ljust(length, more)[:length]


def bounded(shape, place=()):
    """Each place in a shape that has bounds, with the shape there."""
    if "max" in shape.metadata:
        yield place, shape
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from bounded(member, (*place, name))
    if isinstance(shape, ListShape):
        yield from bounded(shape.member, (*place, 0))


def put(shape, value, place, found):
    """A copy of `value` with `found` at this place, what is missing on the way filled in."""
    if not place:
        return found
    step, *rest = place
    if isinstance(shape, ListShape):
        return [put(shape.member, value[step], rest, found)]
    member = shape.members[step]
    return {**value, step: put(member, value.get(step, smallest(member)), rest, found)}


def sized(shape, length):
    return (
        text(shape, length) if isinstance(shape, StringShape) else [smallest(shape.member)] * length
    )


BOUNDED = [
    pytest.param(name, place, shape, id=f"{name}-{'.'.join(map(str, place))}")
    for name in OPERATIONS
    for place, shape in bounded(request_shape(name))
]


def test_every_operation_of_the_model_is_served_where_the_model_says(endpoint, client):
    assert list(OPERATIONS) == list(SERVICE.operation_names)
    assert {o.snake_name for o in OPERATIONS.values()} == set(CALLS)
    for operation in OPERATIONS.values():
        getattr(client, operation.snake_name)(**CALLS[operation.snake_name])
        assert len(endpoint.entries(operation.name)) == 1


@pytest.mark.parametrize(("operation", "error"), ERRORS)
def test_every_modelled_error_is_raised_as_its_own_exception(endpoint, client, operation, error):
    status = OPERATIONS[operation].statuses[error]
    endpoint.faults([{"action": "error", "status": status, "code": error, "message": "why"}])

    with pytest.raises(getattr(client.exceptions, error)) as raised:
        getattr(client, OPERATIONS[operation].snake_name)(**CALLS[OPERATIONS[operation].snake_name])

    assert isinstance(raised.value, ClientError)
    assert raised.value.response["Error"]["Message"] == "why"


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_smallest_call_is_accepted_and_each_requirement_of_it_is_enforced(name):
    shape = request_shape(name)
    assert not isinstance(accept(OPERATIONS[name], smallest(shape)), Answer)
    for missing in shape.required_members:
        call = {n: value for n, value in smallest(shape).items() if n != missing}
        refusal = accept(OPERATIONS[name], call)
        assert isinstance(refusal, Answer)
        assert missing.encode() in refusal.body


@pytest.mark.parametrize(("name", "place", "shape"), BOUNDED)
def test_every_bound_is_enforced_and_reached(name, place, shape):
    request = request_shape(name)
    most = shape.metadata["max"]
    least = shape.metadata.get("min", 1)

    def refused(length):
        call = put(request, smallest(request), place, sized(shape, length))
        return isinstance(accept(OPERATIONS[name], call), Answer)

    assert not refused(most)
    assert refused(most + 1)
    assert refused(least - 1)


@pytest.mark.parametrize("name", OPERATIONS)
def test_reserved_words_are_those_that_the_model_documents(name):
    served = OPERATIONS[name]
    entries = request_shape(name).members[served.entries]
    assert isinstance(entries, ListShape)
    entry = entries.member
    assert isinstance(entry, StructureShape)
    prose = entry.members["properties"].documentation
    _, warned, listed = prose.partition("can't be included as a keyword")

    assert bool(warned) is not served.newest_wins
    assert {w.lower() for w in re.findall(r"<li> *<p> *(\w+) *</p>", listed)} == (
        RESERVED if warned else set()
    )
