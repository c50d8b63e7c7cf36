import orjson
import pytest
from personalize_calls import event, events, interaction, items

from local.personalize.answers import Answer
from local.personalize.model import load_operations
from local.personalize.requests import Accepted, accept, decode, size_of, target_of

OPERATIONS = load_operations()


def accepted(operation, document):
    outcome = accept(OPERATIONS[operation], document)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def refused(operation, document):
    outcome = accept(OPERATIONS[operation], document)
    assert isinstance(outcome, Answer), outcome
    return outcome.code, orjson.loads(outcome.body)["message"]


def test_a_valid_call_is_taken_apart_into_entries_and_what_they_share():
    outcome = accepted("PutEvents", events(event(eventId="1"), event(), userId="user"))

    assert [entry.id for entry in outcome.entries] == ["1", None]
    assert orjson.loads(outcome.shared) == {
        "trackingId": "tracker",
        "sessionId": "session",
        "userId": "user",
    }


def test_one_bad_entry_refuses_its_neighbours():
    code, message = refused("PutItems", items({"itemId": "good"}, {"itemId": ""}))

    assert code == "InvalidInputException"
    assert "items.2.member.itemId" in message


@pytest.mark.parametrize("member", ["eventType", "sentAt"])
def test_a_required_member_must_be_there_and_not_be_null(member):
    document = events({**event(), member: None})

    _, message = refused("PutEvents", document)

    assert f"Value null at 'eventList.1.member.{member}'" in message
    assert "must not be null" in message


def test_an_optional_null_counts_as_absent():
    assert accepted("PutEvents", events(event(itemId=None), userId=None)).target == "tracker"


def test_every_violation_is_named_at_once():
    _, message = refused("PutEvents", events(event(eventType="", recommendationId="r" * 41)))

    assert message.startswith("2 validation errors detected: ")


@pytest.mark.parametrize("count", [0, 11])
def test_a_call_carries_one_to_ten_entries(count):
    code, message = refused("PutItems", items() | {"items": [{"itemId": "i"}] * count})

    assert code == "InvalidInputException"
    assert "'items'" in message
    assert "length" in message


def test_a_pattern_must_fit_the_whole_value():
    code, message = refused("PutItems", items(datasetArn="arn:aws:s3:::bucket"))

    assert code == "InvalidInputException"
    assert "'arn:aws:s3:::bucket' at 'datasetArn'" in message


def test_what_the_model_calls_sensitive_is_not_quoted():
    _, message = refused("PutEvents", events(event(itemId="canary" * 50)))

    assert "canary" not in message


@pytest.mark.parametrize("properties", ["[1]", "text", '"text"', "{", '{"a": NaN}'])
def test_properties_must_be_a_json_object_in_a_string(properties):
    code, message = refused("PutItems", items({"itemId": "i", "properties": properties}))

    assert code == "InvalidInputException"
    assert "properties" in message


@pytest.mark.parametrize(
    "name", ["userId", "SESSIONID", "eventType", "timestamp", "recommendationId", "impression"]
)
def test_events_and_interactions_must_not_use_reserved_words_in_properties(name):
    properties = orjson.dumps({name: "x"}).decode()
    interactions = {
        "trackingId": "t",
        "actionInteractions": [interaction(properties=properties)],
    }

    assert name in refused("PutEvents", events(event(properties=properties)))[1]
    assert name in refused("PutActionInteractions", interactions)[1]
    assert accepted("PutItems", items({"itemId": "i", "properties": properties}))


@pytest.mark.parametrize("time", ["1700000000", "2026-01-01T00:00:00Z", True, [1]])
def test_a_time_that_is_not_a_number_is_refused_as_the_service_does(time):
    code, message = refused("PutEvents", events(event(sentAt=time)))

    assert code == "SerializationException"
    assert "can not be converted to milliseconds since epoch" in message


@pytest.mark.parametrize(
    "member", [{"eventType": 1}, {"eventValue": "1"}, {"impression": "a"}, {"eventValue": True}]
)
def test_a_value_of_the_wrong_kind_cannot_be_read(member):
    assert refused("PutEvents", events(event(**member)))[0] == "SerializationException"


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_a_body_that_is_not_an_object_cannot_be_read(document):
    assert refused("PutEvents", document)[0] == "SerializationException"


def test_an_event_over_ten_kilobytes_is_refused_whole():
    impression = ["\N{SNOWMAN}" * 256] * 20

    assert "10240 bytes" in refused("PutEvents", events(event(impression=impression)))[1]
    assert accepted("PutEvents", events(event(impression=impression[:10])))


def test_an_item_over_ten_kilobytes_is_accepted():
    properties = orjson.dumps({"text": "x" * 20_000}).decode()

    assert accepted("PutItems", items({"itemId": "i", "properties": properties}))


def test_unknown_members_are_dropped_and_named():
    document = events(event(itmeId="i"), event(), sesionId="s")

    outcome = accepted("PutEvents", document)

    assert sorted(outcome.ignored) == ["eventList.itmeId", "sesionId"]
    assert b"itmeId" not in outcome.entries[0].text
    assert document["eventList"][0]["itmeId"] == "i"


def test_target_and_size_are_read_from_calls_that_are_not_valid():
    operation = OPERATIONS["PutEvents"]
    document = {"trackingId": "t", "eventList": [1, 2, 3]}

    assert (target_of(operation, document), size_of(operation, document)) == ("t", 3)
    assert (target_of(operation, None), size_of(operation, [])) == ("", 0)


def test_a_body_that_is_not_json_becomes_nothing():
    assert decode(b"\xff{") is None
