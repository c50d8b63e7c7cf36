"""The transport against real sockets: whatever the endpoint does, a call ends in time."""

from __future__ import annotations

import gc
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import NoCredentialsError
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import ACCEPTED, Peer, Server, accept_all, serve, session_for

from forwarder.transport import (
    ConnectFailed,
    Disconnected,
    ServiceError,
    Timeout,
    Transport,
    TransportError,
)
from forwarder.transport.chain import ask
from forwarder.transport.connection import connect, look_up
from forwarder.transport.endpoint import Endpoint, Proxy, Tls
from forwarder.transport.sigv4 import Signer, Target
from forwarder.transport.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BODY = b'{"trackingId":"t"}'
SOON = 0.25  # seconds that a call may take where the endpoint never answers
LATE = 1.5  # and when it must have ended at the latest, on a busy machine


def in_seconds(seconds: float) -> float:
    return time.monotonic() + seconds


@contextmanager
def transport_to(port: int, directory: Path, **options: Any) -> Iterator[Transport]:
    session = session_for(directory, endpoint_url=f"http://127.0.0.1:{port}")
    with closing(Transport(ask(session, "PutEvents"), **options)) as transport:
        yield transport


def answering(response: bytes) -> Callable[[Peer], None]:
    """A server that answers every request with the same bytes and hangs up after each."""

    def behave(peer: Peer) -> None:
        if peer.request():
            peer.answer(response)

    return behave


def call_against(
    behave: Callable[[Peer], None], directory: Path, seconds: float = 5.0, **options: Any
) -> Server:
    with serve(behave) as server, transport_to(server.port, directory, **options) as transport:
        transport(BODY, in_seconds(seconds))
        return server


@pytest.mark.parametrize(
    "response",
    [
        ACCEPTED,
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html>!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 200\r\n\r\n",
    ],
)
def test_a_success_is_one_by_its_status_whatever_its_body_says(
    response: bytes, tmp_path: Path
) -> None:
    assert call_against(answering(response), tmp_path).requests[0].body == BODY


def test_an_endless_body_is_not_waited_for(tmp_path: Path) -> None:
    def flood(peer: Peer) -> None:
        while peer.request():
            peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
            while True:
                peer.answer(b"x" * 65536)

    with serve(flood) as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        transport(BODY, in_seconds(5))
        assert server.connections == 2


def test_no_more_connections_are_kept_than_wanted(tmp_path: Path) -> None:
    with serve() as server, transport_to(server.port, tmp_path, connections=0) as transport:
        for _ in range(3):
            transport(BODY, in_seconds(5))

    assert server.connections == 3


def test_what_is_closed_keeps_no_connection(tmp_path: Path) -> None:
    with serve() as server, transport_to(server.port, tmp_path) as transport:
        transport.close()
        for _ in range(3):
            transport(BODY, in_seconds(5))

    assert server.connections == 3


def test_nothing_of_a_call_that_ended_is_kept(tmp_path: Path) -> None:
    with serve() as server, transport_to(server.port, tmp_path) as transport:
        before = watches()
        for _ in range(20):
            transport(BODY, in_seconds(5))
        # The connection that is kept may know the last one.
        assert watches() <= before + 1


def watches() -> int:
    gc.collect()
    return sum(isinstance(each, Watch) for each in gc.get_objects())


def test_calls_share_a_connection_that_is_kept(tmp_path: Path) -> None:
    with serve() as server, transport_to(server.port, tmp_path) as transport:
        for _ in range(5):
            transport(BODY, in_seconds(5))

    assert (server.connections, len(server.requests)) == (1, 5)


def test_a_connection_that_the_service_wants_closed_is_not_used_again(tmp_path: Path) -> None:
    def behave(peer: Peer) -> None:
        while peer.request():
            peer.answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        for _ in range(2):
            transport(BODY, in_seconds(5))

    assert server.connections == 2


def test_a_connection_stays_usable_after_an_error_that_arrived_whole(tmp_path: Path) -> None:
    def behave(peer: Peer) -> None:
        while peer.request():
            peer.answer(b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}")

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        for _ in range(2):
            with pytest.raises(ServiceError):
                transport(BODY, in_seconds(5))

    assert server.connections == 1


def test_no_more_connections_are_kept_than_asked_for(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def behave(peer: Peer) -> None:
        while peer.request():
            if peer.number <= 4 and len(peer.server.requests) <= 4:
                together.wait(5)
            peer.answer()

    with serve(behave) as server, transport_to(server.port, tmp_path, connections=1) as transport:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: transport(BODY, in_seconds(5)), range(4)))
        transport(BODY, in_seconds(5))
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(lambda _: transport(BODY, in_seconds(5)), range(3)))

    assert server.connections == 4


def test_many_threads_call_at_once(tmp_path: Path) -> None:
    bodies = [b'{"n":%d}' % n for n in range(640)]
    with (
        serve() as server,
        transport_to(server.port, tmp_path) as transport,
        ThreadPoolExecutor(64) as pool,
    ):
        list(pool.map(lambda body: transport(body, in_seconds(30)), bodies))

    assert sorted(r.body for r in server.requests) == sorted(bodies)
    assert server.connections <= 64


# --- an endpoint that takes its time --------------------------------------------------------


def hang(peer: Peer) -> None:
    peer.hang()


def drip_status(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 200 " + b"O" * 1000)


def drip_headers(peer: Peer) -> None:
    peer.request()
    peer.answer(b"HTTP/1.1 200 OK\r\n")
    peer.drip(b"X: y\r\n" * 1000)


def drip_body(peer: Peer) -> None:
    peer.request()
    peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    peer.drip(b"x" * 1000)


def drip_chunks(peer: Peer) -> None:
    peer.request()
    peer.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\nx\r\n" * 1000)


@pytest.mark.parametrize("slow", [hang, drip_status, drip_headers, drip_body, drip_chunks])
@pytest.mark.parametrize("limit", ["seconds", "read_timeout"])
def test_a_slow_answer_ends_in_time(
    slow: Callable[[Peer], None], limit: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    with pytest.raises(Timeout):
        call_against(slow, tmp_path, **{limit: SOON})

    assert SOON <= time.monotonic() - began < LATE


def test_an_error_whose_body_drips_is_an_error_by_its_status(tmp_path: Path) -> None:
    def behave(peer: Peer) -> None:
        peer.request()
        peer.answer(
            b"HTTP/1.1 429 X\r\nx-amzn-ErrorType: ThrottlingException\r\n"
            b"Content-Length: 1000\r\n\r\n"
        )
        peer.drip(b"x" * 1000)

    with pytest.raises(ServiceError) as caught:
        call_against(behave, tmp_path, read_timeout=SOON)

    assert (caught.value.code, caught.value.status) == ("ThrottlingException", 429)


def test_an_endpoint_that_reads_slowly_cannot_hold_a_call(tmp_path: Path) -> None:
    def behave(peer: Peer) -> None:
        while not peer.server.stopped.wait(0.02):
            peer.sock.recv(1000)

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        began = time.monotonic()
        with pytest.raises(Timeout):
            transport(b"x" * 20_000_000, in_seconds(SOON))

    assert time.monotonic() - began < LATE


@contextmanager
def never_accepting() -> Iterator[int]:
    """A port whose queue is full: the kernel drops what wants to connect."""
    with socket.socket() as listener, socket.socket() as one, socket.socket() as two:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.01)
        yield listener.getsockname()[1]


def test_an_endpoint_that_never_accepts_costs_the_connect_timeout(tmp_path: Path) -> None:
    with (
        never_accepting() as port,
        transport_to(port, tmp_path, connect_timeout=SOON) as transport,
    ):
        began = time.monotonic()
        with pytest.raises(ConnectFailed):
            transport(BODY, in_seconds(5))

    assert SOON <= time.monotonic() - began < LATE


def test_a_deadline_ends_a_connection_attempt(tmp_path: Path) -> None:
    with (
        never_accepting() as port,
        transport_to(port, tmp_path) as transport,
        pytest.raises(Timeout),
    ):
        transport(BODY, in_seconds(SOON))


def test_nothing_is_sent_once_the_deadline_has_passed(tmp_path: Path) -> None:
    with (
        serve() as server,
        transport_to(server.port, tmp_path) as transport,
        pytest.raises(Timeout),
    ):
        transport(BODY, time.monotonic())

    assert (server.connections, server.requests) == (0, [])


def test_nothing_is_sent_on_a_kept_connection_either_once_the_deadline_has_passed(
    tmp_path: Path,
) -> None:
    with serve() as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        with pytest.raises(Timeout):
            transport(BODY, time.monotonic())

    assert len(server.requests) == 1


def test_a_request_whose_time_ran_out_while_it_connected_is_never_sent(tmp_path: Path) -> None:
    """The time passes just before the send: signing is the last thing that happens there."""
    clock = [0.0]

    def sign_late() -> datetime:
        clock[0] = 100.0
        return datetime.now(UTC)

    with (
        serve() as server,
        transport_to(server.port, tmp_path, clock=lambda: clock[0], now=sign_late) as transport,
        pytest.raises(Timeout),
    ):
        transport(BODY, 50.0)

    assert server.requests == []


def test_a_name_server_that_never_answers_cannot_hold_a_call() -> None:
    released = threading.Event()

    def ask(*_: object, **__: object) -> list[Any]:
        released.wait(5)
        return []

    with pytest.raises(TimeoutError):
        look_up("slow.example", 443, Watch(in_seconds(SOON), time.monotonic), ask)
    released.set()


@pytest.mark.parametrize("name", ["a" * 64 + ".invalid", "nowhere.invalid"])
def test_a_name_that_is_none_is_an_error(name: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one is the resolver's matter
        look_up(name, 443, Watch(in_seconds(2), time.monotonic))


def test_abort_ends_the_wait_for_a_name() -> None:
    released = threading.Event()
    watch = Watch(in_seconds(30), time.monotonic)

    def ask(*_: object, **__: object) -> list[Any]:
        watch.cut()
        released.wait(5)
        return []

    with pytest.raises(TimeoutError):
        look_up("slow.example", 443, watch, ask)
    released.set()


# --- cutting calls short ----------------------------------------------------------------------


def abort_in_flight(transport: Transport, reached: threading.Event) -> TransportError:
    """Abort a call once it has got as far as `reached`."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(transport, BODY, in_seconds(30))
        assert reached.wait(5)
        time.sleep(0.05)
        transport.abort()
        failure = call.exception(LATE)
    assert isinstance(failure, TransportError)
    return failure


def test_abort_ends_a_call_that_waits_for_its_answer(tmp_path: Path) -> None:
    reached = threading.Event()

    def behave(peer: Peer) -> None:
        peer.request()
        if peer.number > 1:
            peer.answer()
        reached.set()
        peer.hang()

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        assert abort_in_flight(transport, reached).kind == "timeout"
        transport(BODY, in_seconds(5))  # those that come later are not affected

    assert len(server.requests) == 2


def test_abort_ends_a_call_on_a_kept_connection_and_does_not_send_it_again(tmp_path: Path) -> None:
    reached = threading.Event()

    def behave(peer: Peer) -> None:
        peer.request()
        peer.answer()
        peer.request()
        reached.set()
        peer.hang()

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        assert abort_in_flight(transport, reached).kind == "timeout"

    assert (len(server.requests), server.connections) == (2, 1)


def test_abort_ends_a_call_that_is_still_connecting(tmp_path: Path) -> None:
    reached = threading.Event()
    reached.set()
    with (
        never_accepting() as port,
        transport_to(port, tmp_path, connect_timeout=30) as transport,
    ):
        assert abort_in_flight(transport, reached).kind == "timeout"


def test_a_watch_that_was_cut_lets_nothing_go_on() -> None:
    watch = Watch(1e9, time.monotonic)
    woken: list[bool] = []
    watch.wake_with(lambda: woken.append(True))
    watch.cut()

    with pytest.raises(TimeoutError):
        watch.left()
    assert (woken, watch.over) == ([True], True)


# --- connections that end -----------------------------------------------------------------------


def test_a_kept_connection_that_the_service_closed_is_replaced_unseen(tmp_path: Path) -> None:
    closed = threading.Event()

    def behave(peer: Peer) -> None:
        peer.request()
        peer.answer()
        if peer.number == 1:
            peer.sock.close()
            closed.set()

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        assert closed.wait(5)
        transport(BODY, in_seconds(5))

    assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_kept_connection_that_closes_under_the_request_costs_one_resend(
    end: str, tmp_path: Path
) -> None:
    def behave(peer: Peer) -> None:
        peer.request()
        peer.answer()
        peer.request()
        if end == "reset":
            peer.reset()

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        transport(BODY, in_seconds(5))

    assert (server.connections, len(server.requests)) == (2, 3)


def test_a_request_is_resent_once_at_most(tmp_path: Path) -> None:
    def behave(peer: Peer) -> None:
        peer.request()
        if peer.number == 1:
            peer.answer()
            peer.request()

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        with pytest.raises(Disconnected):
            transport(BODY, in_seconds(5))

    assert (server.connections, len(server.requests)) == (2, 3)


def test_nothing_is_resent_after_a_byte_of_an_answer(tmp_path: Path) -> None:
    def behave(peer: Peer) -> None:
        peer.request()
        peer.answer()
        peer.request()
        peer.answer(b"HTTP/1.1 200 OK\r\nContent-Le")

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        with pytest.raises(Disconnected):
            transport(BODY, in_seconds(5))

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        b"secret\r\n\r\n",
        b"HTTP/9.9 secret\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"secret: x\r\n" * 200 + b"\r\n",
    ],
)
def test_what_is_not_a_whole_response_is_a_disconnection(response: bytes, tmp_path: Path) -> None:
    with pytest.raises(Disconnected) as caught:
        call_against(answering(response), tmp_path)

    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_reset_is_a_disconnection(tmp_path: Path) -> None:
    def behave(peer: Peer) -> None:
        peer.request()
        peer.reset()

    with pytest.raises(Disconnected) as caught:
        call_against(behave, tmp_path)

    assert caught.value.kind == "disconnected"


def test_a_refused_connection_sends_nothing(tmp_path: Path) -> None:
    with serve() as server:
        pass
    with transport_to(server.port, tmp_path) as transport, pytest.raises(ConnectFailed) as caught:
        transport(BODY, in_seconds(5))

    assert str(caught.value) == "connect: ConnectionRefusedError"


@pytest.mark.parametrize(
    ("behave", "seconds", "text"),
    [
        (Peer.hang, SOON, "timeout: TimeoutError"),
        (Peer.reset, 10, "disconnected: ConnectionResetError"),
    ],
)
def test_a_call_without_an_answer_says_what_ended_it(
    behave: Callable[[Peer], None], seconds: float, text: str, tmp_path: Path
) -> None:
    def attend(peer: Peer) -> None:
        peer.request()
        behave(peer)

    with (
        serve(attend) as server,
        transport_to(server.port, tmp_path) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport(BODY, in_seconds(seconds))

    assert str(caught.value) == text


def test_the_host_that_is_called_is_the_endpoints(tmp_path: Path) -> None:
    with serve() as server:
        session = session_for(tmp_path, endpoint_url=f"http://127.0.0.2:{server.port}")
        with pytest.raises(ConnectFailed):
            Transport(ask(session, "PutEvents"))(BODY, in_seconds(5))

    assert server.connections == 0


def test_a_name_that_does_not_resolve_is_a_failed_connection(tmp_path: Path) -> None:
    session = session_for(tmp_path, endpoint_url="http://nowhere.invalid")
    transport = Transport(ask(session, "PutEvents"), connect_timeout=1)

    with pytest.raises(ConnectFailed):
        transport(BODY, in_seconds(5))


def test_any_bytes_are_an_answer_or_a_transport_error(tmp_path: Path) -> None:
    response = [b""]

    def behave(peer: Peer) -> None:
        peer.request()
        peer.answer(response[0])

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:

        @settings(deadline=None, max_examples=200)
        @given(
            start=st.sampled_from(
                [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 \r\n", b"HTTP/1.1 400 \r\n\r\n{"]
            ),
            noise=st.binary(max_size=200),
        )
        def answer_anything(start: bytes, noise: bytes) -> None:
            response[0] = start + noise
            try:
                transport(BODY, in_seconds(5))
            except TransportError as failure:
                assert failure.kind in {"service", "disconnected"}  # noqa: PT017 - either is fine

        answer_anything()


# --- errors of the service ----------------------------------------------------------------------


def error_for(response: bytes, directory: Path) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        call_against(answering(response), directory)
    return caught.value


def error(status: int, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (error(400, "x-amzn-ErrorType: InvalidInputException"), "InvalidInputException"),
        (error(400, "x-amzn-ErrorType: A:http://internal.amazon.com/coral/"), "A"),
        (error(400, "x-amzn-ErrorType: com.amazonaws#A:http://x/"), "A"),
        (error(400, body='{"__type": "com.amazonaws#ThrottlingException"}'), "ThrottlingException"),
        (error(400, body='{"code": "A", "__type": "B"}'), "A"),
        (error(400, body='{"Code": "A"}'), "A"),
        (error(403, body='{"__type": "ExpiredTokenException"}'), "ExpiredTokenException"),
        (error(503, body="<html>Service Unavailable</html>"), ""),
        (error(400, body="[]"), ""),
        (error(400, body='{"__type": 5}'), ""),
        (error(400, body='{"__type": "what you sent was: secret"}'), ""),
        (error(400, body="[" * 60000), ""),
        (error(307, "Location: http://elsewhere/"), ""),
        (error(300), ""),
        (error(400, "x-amzn-ErrorType: internalFailure"), "internalFailure"),
        (error(400, body='{"__type": "Fehler\\u00fc"}'), ""),
    ],
)
def test_an_error_is_known_by_its_code_and_status(
    response: bytes, code: str, tmp_path: Path
) -> None:
    failure = error_for(response, tmp_path)

    assert (failure.code, failure.kind) == (code, "service")
    assert str(failure.status).encode() in response.split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 3", 3.0),
        ("Retry-After: 0.5", 0.5),
        ("x-amz-retry-after: 1500", 1.5),
        ("Retry-After: nan", None),
        ("Retry-After: -1", None),
        ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("X: y", None),
    ],
)
def test_a_throttled_call_says_how_long_to_wait(
    header: str, seconds: float | None, tmp_path: Path
) -> None:
    response = error(429, header, body='{"__type": "ThrottlingException"}')

    assert error_for(response, tmp_path).retry_after == seconds


def test_the_text_of_an_error_shows_code_and_status_only(tmp_path: Path) -> None:
    body = '{"__type": "InvalidInputException", "message": "itemId secret is bad"}'

    assert str(error_for(error(400, body=body), tmp_path)) == "service: InvalidInputException (400)"


def test_the_text_of_an_error_without_a_code_says_that(tmp_path: Path) -> None:
    assert str(error_for(error(503), tmp_path)) == "service: error without a code (503)"


# --- credentials --------------------------------------------------------------------------------


def test_credentials_are_refreshed_before_they_expire(tmp_path: Path) -> None:
    clock = [datetime(2026, 11, 21, tzinfo=UTC)]
    begin = clock[0]

    def renew() -> dict[str, str]:
        expiry = (clock[0] + timedelta(hours=1)).isoformat()
        return {"access_key": "AKID2", "secret_key": "s", "token": "t2", "expiry_time": expiry}

    credentials = RefreshableCredentials(
        "AKID1", "s", "t1", begin + timedelta(hours=1), renew, "test", time_fetcher=lambda: clock[0]
    )
    with serve() as server:
        url = f"http://127.0.0.1:{server.port}"
        session = session_for(tmp_path, credentials=credentials, endpoint_url=url)
        with closing(Transport(ask(session, "PutEvents"))) as transport:
            transport(BODY, in_seconds(5))
            clock[0] += timedelta(minutes=55)
            transport(BODY, in_seconds(5))

    keys = [r.headers["authorization"].split("Credential=")[1][:5] for r in server.requests]
    tokens = [r.headers["x-amz-security-token"] for r in server.requests]
    assert (keys, tokens) == (["AKID1", "AKID2"], ["t1", "t2"])


def test_missing_credentials_are_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(NoCredentialsError):
        ask(session_for(tmp_path, credentials=None), "PutEvents")


@pytest.mark.parametrize("unfit", ["\r\nX-Injected:1", "\x7f", " ", "é"])
@pytest.mark.parametrize("where", ["key", "token"])
def test_a_credential_that_would_break_a_header_is_refused_unseen(unfit: str, where: str) -> None:
    target = Target("POST", "/events", "/events", "h", "application/json", "r", "personalize")
    bad = f"secret{unfit}"
    credentials = (
        ReadOnlyCredentials(bad, "s", "t")
        if where == "key"
        else ReadOnlyCredentials("AKID", "s", bad)
    )

    with pytest.raises(ValueError, match=r"^a credential holds a character that no") as caught:
        Signer(target).head(BODY, credentials, datetime(2026, 11, 21, tzinfo=UTC))

    assert "secret" not in str(caught.value)


# --- TLS and proxies ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody but the test trusts, with its key."""
    directory = tmp_path_factory.mktemp("tls")
    both = directory / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", both, "-out", directory / "certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_bytes(both.read_bytes() + (directory / "certificate.pem").read_bytes())
    return both


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def tls_transport(
    port: int, directory: Path, *, host: str = "localhost", **trust: Any
) -> Transport:
    session = session_for(directory, endpoint_url=f"https://{host}:{port}", **trust)
    return Transport(ask(session, "PutEvents"), connect_timeout=SOON * 4)


def test_tls_connections_are_verified_against_the_configured_bundle_and_kept(
    certificate: Path, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with serve(tls=server_tls) as server:
        transport = tls_transport(server.port, tmp_path, ca_bundle=str(certificate))
        for _ in range(3):
            transport(BODY * 100_000, in_seconds(10))
        transport.close()

    assert (server.connections, [len(r.body) for r in server.requests]) == (
        1,
        [len(BODY) * 100_000] * 3,
    )


def test_the_bundle_of_the_environment_is_trusted_as_by_botocore(
    certificate: Path,
    server_tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    with serve(tls=server_tls) as server:
        transport = tls_transport(server.port, tmp_path)
        transport(BODY, in_seconds(10))
        transport.close()

    assert len(server.requests) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with (
        serve(tls=server_tls) as server,
        pytest.raises(ConnectFailed, match="SSLCertVerificationError"),
    ):
        tls_transport(server.port, tmp_path)(BODY, in_seconds(5))

    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(
    certificate: Path, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with serve(tls=server_tls) as server:
        transport = tls_transport(
            server.port, tmp_path, host="127.0.0.1", ca_bundle=str(certificate)
        )
        with pytest.raises(ConnectFailed, match="SSLCertVerificationError"):
            transport(BODY, in_seconds(5))

    assert server.requests == []


def test_a_tls_handshake_that_never_ends_costs_the_connect_timeout(
    certificate: Path, tmp_path: Path
) -> None:
    with serve(hang) as server:
        transport = tls_transport(server.port, tmp_path, ca_bundle=str(certificate))
        began = time.monotonic()
        with pytest.raises(ConnectFailed):
            transport(BODY, in_seconds(30))

    assert time.monotonic() - began < LATE + SOON * 4


def test_abort_ends_a_tls_handshake(certificate: Path, tmp_path: Path) -> None:
    reached = threading.Event()

    def behave(peer: Peer) -> None:
        reached.set()
        peer.hang()

    with serve(behave) as server:
        session = session_for(
            tmp_path, endpoint_url=f"https://localhost:{server.port}", ca_bundle=str(certificate)
        )
        transport = Transport(ask(session, "PutEvents"), connect_timeout=30)
        assert abort_in_flight(transport, reached).kind == "timeout"


def test_abort_ends_a_tls_call_and_nothing_goes_out_in_plain(
    certificate: Path, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    reached = threading.Event()

    def behave(peer: Peer) -> None:
        peer.request()
        reached.set()
        peer.hang()

    with serve(behave, server_tls) as server:
        transport = tls_transport(server.port, tmp_path, ca_bundle=str(certificate))
        assert abort_in_flight(transport, reached).kind == "timeout"


def test_a_tls_answer_that_drips_ends_in_time(
    certificate: Path, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    with serve(drip_headers, server_tls) as server:
        transport = tls_transport(server.port, tmp_path, ca_bundle=str(certificate))
        with pytest.raises(Timeout):
            transport(BODY, in_seconds(SOON * 2))


def endpoint_behind(proxy: int, address: tuple[str, int]) -> Endpoint:
    target = Target("POST", "/events", "/events", "h", "application/json", "r", "personalize")
    request = b"CONNECT there:443 HTTP/1.1\r\nHost: there:443\r\n\r\n"
    return Endpoint(address, None, Proxy(("127.0.0.1", proxy), request), target)


def test_a_proxy_is_asked_for_a_tunnel() -> None:
    with serve() as server:
        watch = Watch(in_seconds(5), time.monotonic)
        connection = connect(endpoint_behind(server.port, ("there.invalid", 443)), watch)
        response = connection.ask("POST", b"POST /events HTTP/1.1\r\nHost: h\r\n\r\n", watch)
        connection.close()

    assert response.status == 200
    assert [r.line.split(" ")[0] for r in server.requests] == ["CONNECT", "POST"]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", b"what?\r\n\r\n"]
)
def test_a_proxy_that_refuses_is_a_failed_connection(answer: bytes) -> None:
    with serve(answering(answer)) as server:
        watch = Watch(in_seconds(5), time.monotonic)
        with pytest.raises(ConnectionError):
            connect(endpoint_behind(server.port, ("there.invalid", 443)), watch)

    assert not watch.sent


def test_close_hangs_up(tmp_path: Path) -> None:
    hung_up = threading.Event()

    def behave(peer: Peer) -> None:
        accept_all(peer)
        hung_up.set()

    with serve(behave) as server, transport_to(server.port, tmp_path) as transport:
        transport(BODY, in_seconds(5))
        transport.close()
        assert hung_up.wait(5)


def test_certificates_are_read_once():
    tls = Tls(ssl.create_default_context)

    assert tls.context() is tls.context()
