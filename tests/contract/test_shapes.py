"""botocore's service model is what the service says of itself: ours may not differ from it."""

from typing import Annotated, Any, get_args, get_origin

import botocore.session
import pytest
from annotated_types import MaxLen, MinLen
from botocore.model import ListShape, Shape, StructureShape
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from forwarder.destinations import DESTINATIONS, ENTRIES_PER_CALL, Destination

MODEL = botocore.session.get_session().get_service_model("personalize-events")

# Botocore's kinds of value, by the types that ours may have.
KINDS = {
    "string": {str},
    "float": {float},
    "timestamp": {"datetime", "str", "int", "float"},
}


def request_of(destination: Destination) -> StructureShape:
    shape = MODEL.operation_model(destination.action).input_shape
    assert shape is not None
    return shape


def entry_of(destination: Destination) -> StructureShape:
    entries = request_of(destination).members[destination.entries]
    assert isinstance(entries, ListShape)
    assert isinstance(entries.member, StructureShape)
    return entries.member


def parts(annotation: Any) -> tuple[Any, list[Any]]:
    """The bare type and the constraints of an annotation, without its None."""
    if get_origin(annotation) is Annotated:
        bare, *constraints = get_args(annotation)
        inner, more = parts(bare)
        return inner, more + constraints
    options = [option for option in get_args(annotation) if option is not type(None)]
    if get_origin(annotation) is not list and len(options) == 1 and len(get_args(annotation)) == 2:
        return parts(options[0])
    return annotation, []


def limits(constraints: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in constraints:
        match each:
            case StringConstraints():
                given = {"min": each.min_length, "max": each.max_length, "pattern": each.pattern}
                found |= {key: value for key, value in given.items() if value is not None}
            case FieldInfo():
                found |= limits(each.metadata)
            case MinLen():
                found["min"] = each.min_length
            case MaxLen():
                found["max"] = each.max_length
    if isinstance(pattern := found.get("pattern"), str):
        found["pattern"] = pattern.removeprefix("^").removesuffix("$")
    return found


def botocore_limits(shape: Shape) -> dict[str, Any]:
    metadata: dict[str, Any] = dict(shape.metadata)
    found: dict[str, Any] = {
        key: metadata[key] for key in ("min", "max", "pattern") if key in metadata
    }
    if isinstance(pattern := found.get("pattern"), str):
        found["pattern"] = pattern.removeprefix("^").removesuffix("$")
    return found


def differences(path: str, ours: Any, constraints: list[Any], theirs: Shape) -> list[str]:
    """Everything in which a field of ours differs from botocore's, in either direction."""
    found = []
    if theirs.type_name != "structure" and limits(constraints) != botocore_limits(theirs):
        found.append(f"{path}: {limits(constraints)} is not {botocore_limits(theirs)}")
    match theirs:
        case StructureShape():
            found += structure_differences(path, ours, theirs)
        case ListShape():
            assert get_origin(ours) is list, path
            element, its_constraints = parts(get_args(ours)[0])
            found += differences(f"{path}[]", element, its_constraints, theirs.member)
        case _:
            kinds = {ours} if isinstance(ours, type) else {each.__name__ for each in get_args(ours)}
            if kinds != KINDS[theirs.type_name]:
                found.append(f"{path}: {kinds} is not {theirs.type_name}")
    return found


def structure_differences(path: str, ours: type[BaseModel], theirs: StructureShape) -> list[str]:
    by_name = {field.alias or name: field for name, field in ours.model_fields.items()}
    found = []
    if by_name.keys() != theirs.members.keys():
        found.append(f"{path}: {sorted(by_name)} is not {sorted(theirs.members)}")
    required = {name for name, field in by_name.items() if field.is_required()}
    if required != set(theirs.required_members):
        found.append(f"{path}: requires {sorted(required)}, not {theirs.required_members}")
    for name in by_name.keys() & theirs.members.keys():
        bare, constraints = parts(annotation(by_name[name]))
        found += differences(f"{path}.{name}", bare, constraints, theirs.members[name])
    return found


def annotation(field: FieldInfo) -> Any:
    return field.rebuild_annotation()


def test_there_is_a_row_for_every_operation_and_no_other():
    assert {each.action for each in DESTINATIONS.values()} == set(MODEL.operation_names)


@pytest.mark.parametrize("destination", DESTINATIONS.values(), ids=lambda each: each.name)
def test_a_request_has_the_services_fields_requirements_limits_and_patterns(destination):
    differing = structure_differences(
        destination.action, destination.request, request_of(destination)
    )

    assert differing == []


@pytest.mark.parametrize("destination", DESTINATIONS.values(), ids=lambda each: each.name)
def test_a_row_says_of_the_call_what_the_service_says(destination):
    shape = request_of(destination)

    assert botocore.xform_name(destination.action) == destination.operation
    assert {destination.target, destination.entries, *destination.shared} == set(shape.members)
    assert shape.members[destination.entries].metadata["max"] == ENTRIES_PER_CALL
    keys = {destination.identity, destination.session, destination.time} - {None}
    assert keys <= set(entry_of(destination).members) | set(destination.shared)


@pytest.mark.parametrize("destination", DESTINATIONS.values(), ids=lambda each: each.name)
def test_a_timestamp_is_the_time_of_an_entry(destination):
    members = entry_of(destination).members

    times = [name for name, shape in members.items() if shape.type_name == "timestamp"]

    assert times == ([destination.time] if destination.time else [])
