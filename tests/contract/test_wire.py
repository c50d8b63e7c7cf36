"""What goes over the wire is what botocore would have sent.

botocore is asked for its own request (taken in its `before-send` event), and ours is signed at
the same moment with the same credentials.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import pytest
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import CREDENTIALS, Peer, serve, session_for

from forwarder.transport import ServiceError, Transport
from forwarder.transport.chain import ask, resolve
from forwarder.transport.sigv4 import Signer, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from botocore.session import Session

SERVICE = "personalize-events"
ARN = "arn:aws:personalize:eu-west-1:123456789012:dataset/group/ITEMS"
NOT_COMPARED = {"host", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request"}
"""The host header is urllib3's; the others are neither signed nor asked for, and not sent alike."""


class Taken(Exception):  # noqa: N818 - it is how a request leaves botocore, not an error
    """Carries the request that botocore was about to send."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__()
        self.request = request
        self.headers = {k.lower(): text_of(v) for k, v in request.headers.items()}
        assert isinstance(request.body, bytes)
        self.body = request.body


def text_of(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def botocore_for(session: Session, operation: str) -> Callable[[dict[str, Any]], Taken]:
    """What prepares botocore's request of `operation` from its parameters."""

    def take(request: AWSPreparedRequest, **_: Any) -> None:
        raise Taken(request)

    client = session.create_client(SERVICE)
    client.meta.events.register_first(f"before-send.{SERVICE}.{operation}", take)

    def prepare(params: dict[str, Any]) -> Taken:
        with pytest.raises(Taken) as taken:
            getattr(client, xform_name(operation))(**params)
        return taken.value

    return prepare


def frozen(session: Session) -> ReadOnlyCredentials:
    credentials = session.get_credentials()
    assert credentials is not None
    return credentials.get_frozen_credentials()


def moment_of(headers: dict[str, str]) -> datetime:
    return datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def head_of(raw: bytes) -> tuple[str, dict[str, str]]:
    line, *lines = raw.decode().removesuffix("\r\n\r\n").split("\r\n")
    return line, {k.lower(): v.strip() for k, _, v in (each.partition(":") for each in lines)}


# Long texts repeat a short one: it is their length that matters, and chance is dear.
text = st.text(min_size=1, max_size=20) | st.text(min_size=1, max_size=4).map(
    lambda short: (short * 256)[:256]
)
event = st.fixed_dictionaries(
    {"eventType": text, "sentAt": st.integers(946684800, 4102444800)},
    optional={
        "eventId": text,
        "itemId": text,
        "properties": st.dictionaries(text, text | st.integers(), max_size=3).map(json.dumps),
        "impression": st.lists(text, min_size=1, max_size=5),
        "eventValue": st.floats(allow_nan=False, allow_infinity=False),
        "metricAttribution": st.fixed_dictionaries({"eventAttributionSource": text}),
    },
)


def entries(name: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(
        st.fixed_dictionaries({name: text}, optional={"properties": text}), min_size=1, max_size=4
    )


PARAMS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "PutEvents": st.fixed_dictionaries(
        {
            "trackingId": text,
            "sessionId": text,
            "eventList": st.lists(event, min_size=1, max_size=4),
        },
        optional={"userId": text},
    ),
    "PutItems": st.fixed_dictionaries({"datasetArn": st.just(ARN), "items": entries("itemId")}),
    "PutUsers": st.fixed_dictionaries({"datasetArn": st.just(ARN), "users": entries("userId")}),
    "PutActions": st.fixed_dictionaries(
        {"datasetArn": st.just(ARN), "actions": entries("actionId")}
    ),
    "PutActionInteractions": st.fixed_dictionaries(
        {
            "trackingId": text,
            "actionInteractions": st.lists(
                st.fixed_dictionaries(
                    {
                        "actionId": text,
                        "sessionId": text,
                        "timestamp": st.integers(946684800, 4102444800),
                        "eventType": st.sampled_from(["Viewed", "Taken", "Not Taken"]),
                    },
                    optional={"userId": text},
                ),
                min_size=1,
                max_size=4,
            ),
        }
    ),
}


@pytest.mark.parametrize(
    "credentials", [CREDENTIALS, Credentials("AKID", "secret", "IQoJb3JpZ2luX2VjE//+==")]
)
@pytest.mark.parametrize("operation", PARAMS)
def test_the_same_request_goes_out_as_through_botocore(
    operation: str, credentials: Credentials, tmp_path: Path
) -> None:
    """Line, headers, body as a JSON value; and for the same bytes the very same signature."""
    with serve() as server:
        session = session_for(
            tmp_path,
            credentials=credentials,
            endpoint_url=f"http://127.0.0.1:{server.port}/stage%20a",
        )
        clock = [datetime.now(UTC)]
        prepare = botocore_for(session, operation)
        transport = Transport(ask(session, operation), now=lambda: clock[0])

        @settings(deadline=None, max_examples=25)
        @given(params=PARAMS[operation])
        def compare(params: dict[str, Any]) -> None:
            theirs = prepare(params)
            clock[0] = moment_of(theirs.headers)
            transport(orjson.dumps(params), time.monotonic() + 10)
            transport(theirs.body, time.monotonic() + 10)
            ours, same = server.requests[-2:]

            assert json.loads(ours.body) == json.loads(theirs.body)
            assert ours.headers["authorization"] == recomputed(
                theirs.request.url, ours.headers, ours.body, frozen(session)
            )
            assert same.body == theirs.body
            assert same.line == f"POST {urlsplit(theirs.request.url).path} HTTP/1.1"
            assert without(NOT_COMPARED, same.headers) == without(NOT_COMPARED, theirs.headers)
            assert same.headers["host"] == urlsplit(theirs.request.url).netloc

        with closing(transport):
            compare()


def without(names: set[str], headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def recomputed(
    url: str, headers: dict[str, str], body: bytes, credentials: ReadOnlyCredentials
) -> str:
    """The Authorization header that botocore would give to a request of ours."""
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    scope = headers["authorization"].split("Credential=")[1].split(",")[0].rsplit("/", 4)
    auth = SigV4Auth(credentials, scope[3], scope[2])
    request = AWSRequest(
        method="POST", url=url, headers={n: headers[n] for n in signed if n != "host"}, data=body
    )
    request.context["timestamp"] = headers["x-amz-date"]
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    return (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, "
        f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))}, "
        f"Signature={auth.signature(to_sign, request)}"
    )


secret = st.text(st.characters(codec="ascii", categories=["L", "N"]) | st.sampled_from("+/="))
label = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=30)


@settings(deadline=None)
@given(
    body=st.binary(max_size=2000),
    access_key=secret.filter(bool),
    secret_key=st.text(),
    token=st.none() | secret,
    region=label,
    host=label.filter(lambda name: "-" not in (name[0], name[-1])),
    port=st.sampled_from(["", ":8443", ":1"]),
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - given UTC below
)
def test_any_request_is_signed_as_botocore_would(  # noqa: PLR0917 - hypothesis passes them by name
    body: bytes,
    access_key: str,
    secret_key: str,
    token: str | None,
    region: str,
    host: str,
    port: str,
    moment: datetime,
) -> None:
    credentials = ReadOnlyCredentials(access_key, secret_key, token)
    target = Target(
        "POST", "/events", "/events", host + port, "application/json", region, "personalize"
    )
    signer = Signer(target)

    for day in (moment, moment.replace(hour=23), moment.replace(year=moment.year - 1, day=1)):
        line, headers = head_of(signer.head(body, credentials, day.replace(tzinfo=UTC)))
        url = f"https://{host}{port}/events"

        assert line == "POST /events HTTP/1.1"
        assert headers["content-length"] == str(len(body))
        assert headers["authorization"] == recomputed(url, headers, body, credentials)
        assert f"/{region}/personalize/" in headers["authorization"]


def test_a_signer_follows_new_credentials_within_the_day() -> None:
    signer = Signer(Target("POST", "/", "/", "h", "application/json", "r", "personalize"))
    now = datetime(2026, 11, 21, tzinfo=UTC)
    for credentials in (
        ReadOnlyCredentials("A", "one", None),
        ReadOnlyCredentials("A", "two", "token"),
        ReadOnlyCredentials("A", "two", "another"),
        ReadOnlyCredentials("A", "one", None),
    ):
        _, headers = head_of(signer.head(b"{}", credentials, now))

        assert headers["authorization"] == recomputed("https://h/", headers, b"{}", credentials)
        assert headers.get("x-amz-security-token") == credentials.token


@settings(deadline=None, max_examples=20)
@given(
    host=st.sampled_from(
        ["example.com", "Example.COM", "127.0.0.1", "[::1]", "xn--bcher-kva.example", "a-b.c"]
    ),
    scheme=st.sampled_from(["http", "https"]),
    port=st.sampled_from(["", ":80", ":443", ":4566"]),
    path=st.sampled_from(["", "/", "/a", "/a//b/../c/", "/%7Euser/a%20b", "/~x/%C3%A9"]),
)
def test_any_endpoint_is_addressed_and_signed_as_botocore_would(
    tmp_path_factory: pytest.TempPathFactory, host: str, scheme: str, port: str, path: str
) -> None:
    session = session_for(
        tmp_path_factory.getbasetemp(), endpoint_url=f"{scheme}://{host}{port}{path}"
    )
    params = {"trackingId": "t", "sessionId": "s", "eventList": [{"eventType": "e", "sentAt": 1}]}
    theirs = botocore_for(session, "PutEvents")(params)

    target = resolve(session, "PutEvents").target
    head = Signer(target).head(theirs.body, frozen(session), moment_of(theirs.headers))
    line, headers = head_of(head)

    assert headers["authorization"] == theirs.headers["authorization"]
    assert line.split(" ")[1] == urlsplit(theirs.request.url).path


@pytest.mark.parametrize(
    ("region", "config", "host"),
    [
        ("eu-west-1", {}, "personalize-events.eu-west-1.amazonaws.com"),
        ("cn-north-1", {}, "personalize-events.cn-north-1.amazonaws.com.cn"),
        (
            "us-east-1",
            {"use_fips_endpoint": "true"},
            "personalize-events-fips.us-east-1.amazonaws.com",
        ),
        ("eu-west-1", {"use_dualstack_endpoint": "true"}, "personalize-events.eu-west-1.api.aws"),
        (
            "us-iso-east-1",
            {"use_dualstack_endpoint": "true"},
            "personalize-events.us-iso-east-1.api.aws.ic.gov",
        ),
        ("mars-north-9", {}, "personalize-events.mars-north-9.amazonaws.com"),
        ("eu-west-1", {"endpoint_url": "https://here.example:8443"}, "here.example:8443"),
    ],
)
def test_the_endpoint_is_the_one_botocore_resolves(
    region: str, config: dict[str, Any], host: str, tmp_path: Path
) -> None:
    endpoint = resolve(session_for(tmp_path, region=region, **config), "PutItems")

    assert endpoint.target.host == host
    assert (endpoint.target.region, endpoint.target.service) == (region, "personalize")
    assert (endpoint.target.method, endpoint.target.path) == ("POST", "/items")
    assert endpoint.tls is not None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://here.example",
        "https://here.example/a?b=c",
        "http://h/a b",
        "http://h/é",
        "http://h/a\x7f",
    ],
)
def test_an_endpoint_that_cannot_be_reached_is_said_at_the_start(url: str, tmp_path: Path) -> None:
    wanted = r"expected http\(s\)://host\[:port\]\[/path\]|its path has to be percent-encoded"
    with pytest.raises(ValueError, match=rf"^endpoint_url: ({wanted})$"):
        resolve(session_for(tmp_path, endpoint_url=url), "PutEvents")


@pytest.mark.parametrize(
    ("environment", "address", "proxy"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ["127.0.0.1", 1], None),
        (
            {
                "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": "http://127.0.0.1:2",
            },
            ["127.0.0.1", 2],
            None,
        ),
        (
            {"AWS_USE_FIPS_ENDPOINT": "true", "HTTPS_PROXY": "http://u:p%40@proxy:3128"},
            ["personalize-events-fips.us-east-1.amazonaws.com", 443],
            ["proxy", 3128],
        ),
        (
            {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".amazonaws.com"},
            ["personalize-events.us-east-1.amazonaws.com", 443],
            None,
        ),
    ],
)
def test_the_environment_is_heard_as_by_botocore(
    environment: dict[str, str], address: list[object], proxy: list[object] | None
) -> None:
    program = (
        "import json, botocore.session; from forwarder.transport.chain import resolve;"
        "e = resolve(botocore.session.get_session(), 'PutEvents');"
        "print(json.dumps([e.address, e.proxy and e.proxy.address]))"
    )
    ours = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("AWS_") and not k.lower().endswith("_proxy")
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=kept | {"PYTHONPATH": "functions"} | ours | environment,
        capture_output=True,
        check=True,
        text=True,
    )

    assert json.loads(done.stdout) == [address, proxy]


name = st.sampled_from(["A", "InvalidInputException", "a.b#C", "C:http://x/", "a#C:http://x/"])


def test_an_errors_code_is_the_one_botocore_reads(tmp_path: Path) -> None:
    """Where botocore falls back to the status as a code, ours is empty."""
    response: list[tuple[dict[str, str], bytes]] = [({}, b"")]

    def refuse(peer: Peer) -> None:
        while peer.request():
            headers, body = response[0]
            lines = [f"{k}: {v}\r\n" for k, v in headers.items()]
            head = f"HTTP/1.1 400 X\r\nContent-Length: {len(body)}\r\n{''.join(lines)}\r\n"
            peer.answer(head.encode() + body)

    with serve(refuse) as server:
        session = session_for(tmp_path, endpoint_url=f"http://127.0.0.1:{server.port}")
        shape = session.get_service_model(SERVICE).shape_for("PutEventsRequest")

        @settings(deadline=None)
        @given(
            header=st.none() | name,
            body=st.dictionaries(
                st.sampled_from(["__type", "code", "Code", "message"]), name, max_size=4
            ),
        )
        def compare(header: str | None, body: dict[str, str]) -> None:
            headers = {} if header is None else {"x-amzn-errortype": header}
            raw = json.dumps(body).encode()
            response[0] = (headers, raw)
            parsed = create_parser("rest-json").parse(
                {"headers": HTTPHeaders.from_dict(headers), "status_code": 400, "body": raw},
                shape,
            )
            with pytest.raises(ServiceError) as caught:
                transport(b"{}", time.monotonic() + 10)

            assert (caught.value.code or "400") == parsed["Error"]["Code"]

        with closing(Transport(ask(session, "PutEvents"))) as transport:
            compare()
