"""A real boto3 client against the endpoint, and a raw socket where boto3 is too careful."""

import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import orjson
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from personalize_calls import (
    CALLS,
    ITEMS,
    KEY,
    SECRET,
    TOKEN,
    WRONG,
    Clock,
    boto3_client,
    event,
    events,
    items,
)

from local.personalize import Endpoint
from local.personalize.model import load_operations

OPERATIONS = {o.snake_name: o for o in load_operations().values()}


@pytest.fixture(scope="module")
def shared_endpoint():
    with Endpoint(quotas=dict.fromkeys(OPERATIONS, float("inf"))) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def shared_client(shared_endpoint):
    with boto3_client(shared_endpoint.url) as client:
        yield client


@pytest.fixture
def endpoint(shared_endpoint):
    shared_endpoint.reset()
    return shared_endpoint


@pytest.fixture
def client(endpoint, shared_client):  # noqa: ARG001 -- asked for so that each test starts empty
    return shared_client


def code(refused):
    return refused.value.response["Error"]["Code"]


def status(refused):
    return refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


def figures(endpoint, operation="PutEvents", target="tracker"):
    return endpoint.summary()["operations"][operation][target]


def post(endpoint, body, *, path="/events", authorization=None, method="POST"):
    """Send what boto3 would not: returns status, headers, body."""
    well_formed = (
        "AWS4-HMAC-SHA256 Credential=AK/20260101/eu-west-1/personalize/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )
    connection = HTTPConnection(urlsplit(endpoint.url).netloc, timeout=5)
    try:
        headers = {"Authorization": well_formed if authorization is None else authorization}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("operation", CALLS)
def test_each_operation_is_accepted_stored_and_answered_with_nothing(endpoint, client, operation):
    answer = getattr(client, operation)(**CALLS[operation])

    served = OPERATIONS[operation]
    (stored,) = endpoint.entries(served.name)
    (sent,) = CALLS[operation][served.entries]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-length"] == "0"
    assert answer["ResponseMetadata"]["RequestId"]
    assert stored | sent == stored
    assert stored[served.target] == CALLS[operation][served.target]
    assert figures(endpoint, served.name, stored[served.target])["accepted"] == 1


@pytest.mark.parametrize("operation", CALLS)
def test_each_operation_raises_the_modelled_exception_for_what_it_refuses(client, operation):
    served = OPERATIONS[operation]
    eleven = {**CALLS[operation], served.entries: CALLS[operation][served.entries] * 11}

    with pytest.raises(client.exceptions.InvalidInputException, match="less than or equal to 10"):
        getattr(client, operation)(**eleven)


@pytest.mark.parametrize("operation", CALLS)
def test_each_operation_answers_404_for_a_target_that_does_not_exist(endpoint, client, operation):
    endpoint.resources(trackers=["known"], datasets=[f"{ITEMS}2"])

    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**CALLS[operation])

    assert (code(refused), status(refused)) == ("ResourceNotFoundException", 404)


def test_declared_targets_exist_and_an_undeclared_kind_is_not_limited():
    with Endpoint(trackers=["tracker"]) as endpoint, boto3_client(endpoint.url) as client:
        client.put_events(**events())
        client.put_items(**items())
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            client.put_events(**events(trackingId="other"))


def test_one_bad_event_keeps_nine_good_ones_out(endpoint, client):
    with pytest.raises(client.exceptions.InvalidInputException):
        client.put_events(**events(*[event()] * 9, event(itemId="i" * 257)))

    assert endpoint.entries("PutEvents") == []
    assert figures(endpoint)["refused"] == {"InvalidInputException": 1}
    assert figures(endpoint)["entries"] == 0


def test_repeats_are_dropped_and_counted(endpoint, client):
    for _ in range(3):
        client.put_events(**events(event(eventId="a"), event(eventId="b")))

    assert [entry["eventId"] for entry in endpoint.entries("PutEvents")] == ["a", "b"]
    counted = figures(endpoint)
    assert (counted["entries"], counted["stored"], counted["duplicates"]) == (6, 2, 4)


def test_upserts_replace_and_are_counted(endpoint, client):
    client.put_items(**items({"itemId": "a"}))
    client.put_items(**items({"itemId": "a", "properties": '{"price":"2"}'}))

    (stored,) = endpoint.entries("PutItems")
    counted = figures(endpoint, "PutItems", ITEMS)
    assert (stored["properties"], stored["_writes"]) == ('{"price":"2"}', 2)
    assert (counted["entries"], counted["stored"], counted["replaced"]) == (2, 1, 1)


def test_calls_beyond_the_quota_are_throttled():
    clock = Clock()
    with Endpoint(clock=clock) as endpoint, boto3_client(endpoint.url) as client:
        for _ in range(10):
            client.put_items(**items())
        with pytest.raises(ClientError) as refused:
            client.put_items(**items())
        clock.advance(0.15)
        client.put_items(**items())

        assert (code(refused), status(refused)) == ("ThrottlingException", 400)
        counted = figures(endpoint, "PutItems", ITEMS)
        assert (counted["calls"], counted["accepted"], counted["throttled"]) == (12, 11, 1)


def test_a_quota_can_be_overridden():
    clock = Clock()
    with (
        Endpoint(clock=clock, quotas={"put_events": 2}) as endpoint,
        boto3_client(endpoint.url) as client,
    ):
        client.put_events(**events())
        client.put_events(**events())
        with pytest.raises(ClientError, match="ThrottlingException"):
            client.put_events(**events())


def test_a_time_as_a_string_is_refused_in_the_service_s_words(endpoint):
    body = b'{"trackingId":"t","sessionId":"s","eventList":[{"eventType":"v","sentAt":"1"}]}'

    answered, headers, text = post(endpoint, body)

    assert (answered, headers["x-amzn-ErrorType"]) == (400, "SerializationException")
    assert b"class java.lang.String can not be converted to milliseconds since epoch" in text


@pytest.mark.parametrize("body", [b"", b"not json", b'["list"]', b'{"a":' * 5000])
def test_a_body_that_cannot_be_read_is_refused(endpoint, body):
    answered, headers, text = post(endpoint, body)

    assert (answered, headers["x-amzn-ErrorType"]) == (400, "SerializationException")
    assert b'"message"' in text


def test_unknown_members_are_accepted_and_counted(endpoint):
    body = b'{"datasetArn":"%b","items":[{"itemId":"i","colour":"red"}]}' % ITEMS.encode()

    assert post(endpoint, body, path="/items")[0] == 200
    assert figures(endpoint, "PutItems", ITEMS)["ignored_fields"] == {"items.colour": 1}
    assert "colour" not in endpoint.entries("PutItems")[0]


def test_a_call_without_a_signature_is_refused(endpoint):
    answered, headers, _ = post(endpoint, b"{}", authorization="Basic abc")

    assert (answered, headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")


def test_a_call_without_a_signature_wears_no_rule_off(endpoint):
    endpoint.faults([{"action": "throttle", "times": 1}])
    post(endpoint, b"{}", authorization="")

    assert post(endpoint, b"{}")[1]["x-amzn-ErrorType"] == "ThrottlingException"


def test_signatures_are_verified_when_secrets_are_known():
    with Endpoint(credentials={KEY: SECRET}) as endpoint:
        with boto3_client(endpoint.url, aws_session_token=TOKEN) as client:
            client.put_events(**events(event(itemId="\N{SNOWMAN}")))
        with (
            boto3_client(endpoint.url, aws_secret_access_key=WRONG) as client,
            pytest.raises(ClientError) as refused,
        ):
            client.put_events(**events())

        assert (code(refused), status(refused)) == ("InvalidSignatureException", 403)
        assert figures(endpoint)["refused"] == {"InvalidSignatureException": 1}


def test_an_unknown_path_is_answered_with_404(endpoint):
    assert post(endpoint, b"{}", path="/nothing")[0] == 404


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"action": "throttle"}, ("ThrottlingException", 400)),
        ({"action": "throttle", "status": 429}, ("ThrottlingException", 429)),
        ({"action": "status", "status": 500}, ("500", 500)),
        ({"action": "status", "status": 503}, ("503", 503)),
        ({"action": "refuse"}, ("InvalidInputException", 400)),
        ({"action": "error", "status": 409, "code": "ResourceInUseException"},
         ("ResourceInUseException", 409)),
        ({"action": "error", "status": 403, "code": "AccessDeniedException"},
         ("AccessDeniedException", 403)),
        ({"action": "error", "status": 403, "code": "ExpiredTokenException"},
         ("ExpiredTokenException", 403)),
        ({"action": "error", "status": 404, "code": "ResourceNotFoundException"},
         ("ResourceNotFoundException", 404)),
    ],
    ids=str,
)  # fmt: skip
def test_an_injected_error_reaches_boto3_and_nothing_is_stored(endpoint, client, rule, wanted):
    endpoint.faults([rule])

    with pytest.raises(ClientError) as refused:
        client.put_events(**events())

    assert (code(refused), status(refused)) == wanted
    assert endpoint.entries("PutEvents") == []
    assert figures(endpoint)["faulted"] == {rule["action"]: 1}
    assert (figures(endpoint)["throttled"], figures(endpoint)["refused"]) == (0, {})


@pytest.mark.parametrize("action", ["reset", "store_then_reset"])
def test_a_reset_closes_the_connection_with_or_without_having_stored(endpoint, client, action):
    endpoint.faults([{"action": action}])

    with pytest.raises(ConnectionClosedError):
        client.put_events(**events())

    stored = action == "store_then_reset"
    (call,) = endpoint.calls()
    assert (len(endpoint.entries("PutEvents")), call["kept"]) == (int(stored), stored)
    assert (call["status"], call["fault"]) == (None, action)


@pytest.mark.parametrize("action", ["hang", "store_then_hang"])
def test_a_hanging_call_is_never_answered(endpoint, action):
    endpoint.faults([{"action": action}])

    with boto3_client(endpoint.url, patience=1) as client, pytest.raises(ReadTimeoutError):
        client.put_events(**events())

    assert len(endpoint.entries("PutEvents")) == (1 if action == "store_then_hang" else 0)


def test_a_dripping_answer_arrives_byte_by_byte(endpoint, client):
    endpoint.faults([{"action": "drip", "interval_ms": 1}])
    began = time.monotonic()

    client.put_events(**events())

    # The head alone has some 80 bytes.
    assert time.monotonic() - began > 0.05
    assert len(endpoint.entries("PutEvents")) == 1


def test_a_garbage_answer_of_success_is_stored(endpoint):
    endpoint.faults([{"action": "garbage"}])

    answered, _, body = post(endpoint, b'{"datasetArn":"%b","items":[{"itemId":"i"}]}'
                             % ITEMS.encode(), path="/items")  # fmt: skip

    assert answered == 200
    assert body.decode("latin-1").encode() != body
    assert len(endpoint.entries("PutItems")) == 1


def test_a_garbage_error_is_noise_with_status_500(endpoint):
    endpoint.faults([{"action": "garbage_error"}])

    answered, _, body = post(endpoint, b"{}")

    assert (answered, len(body) > 0) == (500, True)
    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_latency_delays_and_then_the_call_is_judged(endpoint, client):
    endpoint.faults([{"action": "latency", "latency_ms": 50}])
    began = time.monotonic()

    client.put_events(**events())

    assert time.monotonic() - began >= 0.05
    counted = figures(endpoint)
    assert (counted["accepted"], counted["faulted"]) == (1, {"latency": 1})


def test_a_call_that_the_service_refuses_is_refused_before_it_is_garbled(endpoint, client):
    endpoint.faults([{"action": "store_then_reset"}])

    with pytest.raises(client.exceptions.InvalidInputException):
        client.put_events(**events(event(itemId="i" * 300)))


def test_retry_after_is_told(endpoint):
    endpoint.faults([{"action": "throttle", "status": 429, "retry_after_s": 1.5}])

    _, headers, _ = post(endpoint, b"{}")

    assert (headers["Retry-After"], headers["x-amz-retry-after"]) == ("1.5", "1500")


def test_faults_of_a_rule_end_when_the_rules_are_replaced(endpoint, client):
    endpoint.faults([{"action": "refuse", "contains": "poison"}])
    client.put_events(**events(event(itemId="fine")))
    with pytest.raises(ClientError):
        client.put_events(**events(event(itemId="poison")))
    endpoint.faults([])
    client.put_events(**events(event(itemId="poison")))

    assert [entry["itemId"] for entry in endpoint.entries("PutEvents")] == ["fine", "poison"]


def test_rules_are_read_and_deleted_over_http(endpoint):
    rule = {"action": "throttle", "times": 5}
    endpoint.faults([rule])
    read = post(endpoint, b"", path="/_local/faults", method="GET")
    deleted = post(endpoint, b"", path="/_local/faults", method="DELETE")

    assert orjson.loads(read[2]) == [rule]
    assert (deleted[0], orjson.loads(deleted[2])) == (200, [])
    assert post(endpoint, b"{}")[1]["x-amzn-ErrorType"] == "InvalidInputException"


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"),
    [
        ("PUT", "resources", b'{"tracker": ["t"]}', 400),
        ("PUT", "faults", b"not json", 400),
        ("GET", "entries/PutNothing", b"", 404),
        ("GET", "health", b"", 200),
    ],
)
def test_the_admin_paths_say_what_is_wrong(endpoint, method, path, body, wanted):
    answered, _, text = post(endpoint, body, path=f"/_local/{path}", method=method)

    assert answered == wanted
    assert orjson.loads(text)


@pytest.mark.parametrize(
    "rules", [[{"action": "reset", "operation": "Nope"}], [{"action": "nope"}]]
)
def test_a_wrong_rule_is_refused_and_the_old_ones_stay(endpoint, rules):
    endpoint.faults([{"action": "throttle"}])

    with pytest.raises(ValueError, match=r"(?i)nope"):
        endpoint.faults(rules)

    assert post(endpoint, b"{}")[1]["x-amzn-ErrorType"] == "ThrottlingException"


def test_the_log_tells_every_call_in_order(endpoint, client):
    client.put_events(**events(event(), event()))
    with pytest.raises(ClientError):
        client.put_items(**items(datasetArn="nonsense"))

    first, second = endpoint.calls()

    assert (first["number"], first["operation"], first["entries"], first["status"]) == (
        1, "PutEvents", 2, 200)  # fmt: skip
    assert (second["number"], second["target"], second["code"], second["kept"]) == (
        2, "nonsense", "InvalidInputException", False)  # fmt: skip


def test_reset_makes_it_as_just_started(endpoint, client):
    endpoint.faults([{"action": "latency", "latency_ms": 1}])
    endpoint.resources(trackers=["other", "tracker"])
    client.put_events(**events())
    endpoint.reset()
    client.put_events(**events(trackingId="third"))

    (call,) = endpoint.calls()
    assert (call["number"], call["fault"]) == (1, "")
    assert list(endpoint.summary()["operations"]["PutEvents"]) == ["third"]


def test_a_call_that_was_under_way_when_everything_was_forgotten_does_no_harm(endpoint, client):
    endpoint.faults([{"action": "latency", "latency_ms": 100, "times": 1}])
    slow = threading.Thread(target=client.put_events, kwargs=events(event(eventId="slow")))
    slow.start()
    while not endpoint.summary()["faults"]:
        time.sleep(0.005)
    endpoint.reset()
    client.put_events(**events(event(eventId="quick")))
    slow.join()

    assert [entry["eventId"] for entry in endpoint.entries("PutEvents")] == ["quick", "slow"]
    assert [call["number"] for call in endpoint.calls()] == [1, 2]


def test_concurrent_calls_are_all_stored_once(endpoint, client):
    def send(worker):
        for n in range(20):
            client.put_events(**events(event(eventId=f"{worker}-{n}"), event(eventId=f"all-{n}")))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    stored = endpoint.entries("PutEvents")
    assert len(stored) == len({entry["eventId"] for entry in stored}) == 180
    assert figures(endpoint)["duplicates"] == 140


def test_leaving_the_block_leaves_nothing_behind_even_with_a_call_hanging(tmp_path):
    before = threading.active_count()
    with Endpoint(store=str(tmp_path / "s.db"), faults=[{"action": "store_then_hang"}]) as endpoint:
        with boto3_client(endpoint.url, patience=1) as client, pytest.raises(ReadTimeoutError):
            client.put_events(**events())
        hanging = threading.Thread(target=hang_until_cut, args=(endpoint,))
        hanging.start()
        while len(endpoint.calls()) < 2:
            time.sleep(0.01)
        began = time.monotonic()
    hanging.join(timeout=5)

    # The server's grace for calls in flight is five seconds; hanging ones do not use it up.
    assert time.monotonic() - began < 4
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]

    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        post(endpoint, b"{}")
    with Endpoint(store=str(tmp_path / "s.db")) as again:
        assert len(again.entries("PutEvents")) == 2


def hang_until_cut(endpoint):
    with pytest.raises(ConnectionError):
        post(endpoint, orjson.dumps(events(event(eventId="hanging"))))


def test_an_endpoint_that_cannot_start_says_why():
    with Endpoint() as first:
        port = urlsplit(first.url).port
        assert port is not None
        with pytest.raises(OSError, match="address already in use"), Endpoint(port=port):
            pass
    with pytest.raises(ValueError, match="put_nothing"), Endpoint(quotas={"put_nothing": 1}):
        pass
