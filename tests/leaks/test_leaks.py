"""Nothing leaks: whatever a record holds and however it fails, no output shows a part of it.

Each test runs the real function in a process of its own, with all that logs turned up: the root
logger, Powertools and its debug mode, and the switch that has Powertools print Lambda's argument.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any

import pytest
from builders import TARGETS, document_of, lambda_event, record
from canaries import CANARY, NUMBER, documents, raw, traces
from worker import ROOT, Worker

from forwarder.destinations import DESTINATIONS

SEQUENCE = 49_590_338_271_490_256_608_559_692_538_361_571_095
LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger("botocore.endpoint").debug("a logger of botocore's was asked")
logging.getLogger("urllib3").debug("a logger of urllib3's was asked")
logging.debug("this is loud")
"""


class Echo(BaseHTTPRequestHandler):
    """A service that says back what it was told, in every field of an error that it has."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, EchoServer)
        status, code = next(self.server.answers)
        told = body.decode("ascii", errors="replace").replace("\ufffd", "?")
        error = {"__type": code or told, "code": code or told, "message": told, "Message": told}
        text = json.dumps(error if status >= 400 else {"Successful": [], "Failed": []}).encode()
        self.send_response(status)
        if status >= 400:
            self.send_header("x-amzn-errortype", code or " ".join(told[:500].split()))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_PUT = do_POST  # noqa: N815 - http.server looks for this name

    def log_message(self, *_: Any) -> None:
        pass


class EchoServer(ThreadingHTTPServer):
    """Answers with these statuses and codes in turn, for ever."""

    def __init__(self, answers: Iterable[tuple[int, str]]) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.answers = cycle(answers)


@pytest.fixture
def echo() -> Iterator[Any]:
    """Starts such servers; they are gone when the test is over."""
    servers = []

    def start(*answers: tuple[int, str]) -> str:
        server = EchoServer(answers)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def loud(tmp_path) -> dict[str, str]:
    """An environment in which everything that can log does."""
    (tmp_path / "sitecustomize.py").write_text(LOUD)
    return {
        "PYTHONPATH": f"{tmp_path}:{ROOT / 'functions'}",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
        "POWERTOOLS_LOGGER_LOG_EVENT": "true",
        "POWERTOOLS_DEBUG": "true",
        "AWS_XRAY_SDK_ENABLED": "true",
    }


def batch(feed: str) -> dict[str, Any]:
    """All canaries of a feed, in documents, partition keys and bytes that are none."""
    data: list[object] = [*documents(feed), *raw()]
    whole = [record(n, each, partition_key=CANARY) for n, each in enumerate(data)]
    numbered = [each._replace(sequence=str(SEQUENCE + each.position)) for each in whole]
    return lambda_event([*numbered, numbered[-1]._replace(data=f"{CANARY}!")])


def leaks(text: str) -> list[str]:
    """The lines that show a canary or a sequence number."""
    forbidden = {*traces(), str(SEQUENCE)[:-4]}
    return [line[:2000] for line in text.splitlines() if any(each in line for each in forbidden)]


def without_numbers(answer: dict[str, Any]) -> str:
    """An answer without what it may hold: the sequence number to resume at."""
    for failure in answer.get("response", {}).get("batchItemFailures", ()):
        assert failure.pop("itemIdentifier").isdecimal()
    return json.dumps(answer)


def test_the_traces_of_a_canary_are_found_in_base64_wherever_it_stands():
    for shift in range(3):
        data = record(0, b"x" * shift + CANARY.encode() + b"yz").data
        assert leaks(data)


@pytest.mark.parametrize("feed", DESTINATIONS)
def test_nothing_of_a_record_is_shown_whatever_becomes_of_it(feed, echo, loud, tmp_path):
    log = tmp_path / "log"
    refused, throttled = (400, "InvalidInputException"), (400, "ThrottlingException")
    service = echo(refused, (200, ""), throttled, (500, ""), (400, ""))
    queue = echo((400, "AWS.SimpleQueueService.NonExistentQueue"), (200, ""), (500, ""), (403, ""))
    settings = loud | {
        "FEED": feed,
        "TARGET": TARGETS[DESTINATIONS[feed].target],
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": service,
        "AWS_ENDPOINT_URL_SQS": queue,
        "DEAD_LETTER_QUEUE_URL": f"{queue}/queue",
    }
    with Worker(log, **settings) as worker:
        answers = [worker.invoke(batch(feed), seconds=2) for _ in range(4)]

    shown = log.read_text()
    assert "this is loud" in shown
    assert "_aws" in shown
    assert leaks(shown) == []
    assert leaks("\n".join(map(without_numbers, answers))) == []


def test_nothing_of_a_batch_is_shown_when_all_of_it_is_held_back(echo, loud, tmp_path):
    log = tmp_path / "log"
    for number, code in enumerate(["AccessDeniedException", "", "InvalidInputException"]):
        service = echo((403 if number < 2 else 400, code))
        with Worker(log, AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=service, **loud) as worker:
            answer = worker.invoke(batch("events"), seconds=5)
            assert leaks(without_numbers(answer)) == []

    shown = log.read_text()
    assert "nothing can be delivered" in shown
    assert leaks(shown) == []


def test_nothing_of_an_argument_that_is_no_batch_is_shown(loud, tmp_path):
    log = tmp_path / "log"
    broken = [
        {"Records": CANARY},
        {"Records": [CANARY]},
        {"Records": [{CANARY: CANARY}]},
        {"Records": [{"kinesis": CANARY}]},
        {"Records": {CANARY: CANARY}},
        {CANARY: [CANARY]},
        [CANARY],
        CANARY,
    ]
    with Worker(log, **loud) as worker:
        answers = [worker.invoke(each) for each in broken]

    assert {answer["error"] for answer in answers} == {"InvocationFailed"}
    assert leaks(log.read_text() + json.dumps(answers)) == []


def test_nothing_of_an_envelope_that_is_broken_is_shown(loud, tmp_path):
    """The records' own data is a good document, a bad one, and none."""
    log = tmp_path / "log"
    data = [document_of("events", itemId=CANARY), {CANARY: CANARY}, CANARY.encode()]
    whole = [record(n, each) for n, each in enumerate(data)]
    broken = [
        ("sequenceNumber", CANARY),
        ("sequenceNumber", [CANARY]),
        ("approximateArrivalTimestamp", CANARY),
        ("approximateArrivalTimestamp", [CANARY]),
        ("approximateArrivalTimestamp", NUMBER * 1e290),
        ("partitionKey", [CANARY]),
        ("data", [CANARY]),
        ("data", {CANARY: CANARY}),
        ("data", CANARY),
        ("data", None),
        ("data", 7),
    ]
    with Worker(log, **loud) as worker:
        for name, value in broken:
            event = lambda_event(whole)
            for each in event["Records"]:
                each["kinesis"][name] = value
            answer = worker.invoke(event, seconds=1)
            assert leaks(without_numbers(answer)) == []

    assert leaks(log.read_text()) == []
