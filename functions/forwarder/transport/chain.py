"""Endpoint and credentials of an operation, asked of botocore once."""

from __future__ import annotations

import os
from base64 import b64encode
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import create_urllib3_context, get_cert_path
from botocore.utils import get_environ_proxies, normalize_url_path
from urllib3 import HTTPResponse

from forwarder.transport.endpoint import SERVICE, Access, Endpoint, Proxy, Tls
from forwarder.transport.sigv4 import Target

if TYPE_CHECKING:
    from ssl import SSLContext

    from botocore.session import Session

_PORTS = {"http": 80, "https": 443}


def ask(session: Session, operation: str) -> Access:
    """Say how to call `operation` by all that botocore knows.

    Raises:
        botocore.exceptions.BotoCoreError: Region or credentials are missing, or FIPS or
            dual-stack are asked for where they cannot be had.
        ValueError: The endpoint or its proxy is one this transport cannot reach.
    """
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return Access(resolve(session, operation), credentials.get_frozen_credentials)


def resolve(session: Session, operation: str) -> Endpoint:
    """Find out what botocore would send for `operation`, and where to.

    botocore prepares and signs one request, which is taken from it before it is sent: so every
    setting that botocore knows counts here (region, `AWS_ENDPOINT_URL*`, the config file's
    `endpoint_url`, FIPS, dual-stack, the partitions), now and in later versions.

    Raises:
        botocore.exceptions.BotoCoreError: Region or credentials are missing, or FIPS or
            dual-stack are asked for where they cannot be had.
        ValueError: The endpoint or its proxy is one this transport cannot reach.
    """
    request = _prepared(session, operation)
    url = urlsplit(request.url)
    if url.scheme not in _PORTS or url.hostname is None or url.query:
        raise ValueError("endpoint_url: expected http(s)://host[:port][/path]")
    if not (url.path.isascii() and url.path.isprintable()) or " " in url.path:
        raise ValueError("endpoint_url: its path has to be percent-encoded")
    port = url.port or _PORTS[url.scheme]
    name = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    secure = url.scheme == "https"
    # Credential=<access key>/<date>/<region>/<service>/aws4_request
    scope = _header(request, "Authorization").partition(",")[0].rsplit("/", 3)
    return Endpoint(
        address=(url.hostname, port),
        tls=Tls(partial(_context, session)) if secure else None,
        proxy=_proxy(request.url, f"{name}:{port}") if secure else None,
        target=Target(
            method=request.method,
            path=url.path,
            canonical_path=quote(normalize_url_path(url.path), safe="/~"),
            host=name if port == _PORTS[url.scheme] else f"{name}:{port}",
            content_type=_header(request, "Content-Type"),
            region=scope[1],
            service=scope[2],
        ),
    )


def _prepared(session: Session, operation: str) -> AWSPreparedRequest:
    """The request botocore is about to send when it is stopped (its `before-send` event)."""
    taken: list[AWSPreparedRequest] = []

    def take(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        taken.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), HTTPResponse(BytesIO()))

    client = session.create_client(SERVICE, config=Config(parameter_validation=False))
    client.meta.events.register_first(
        f"before-send.{SERVICE}.{operation}",
        take,  # type: ignore[arg-type] # the stubs forget that this hook may answer
    )
    getattr(client, xform_name(operation))()
    return taken[0]


def _header(request: AWSPreparedRequest, name: str) -> str:
    value = request.headers[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def _context(session: Session) -> SSLContext:
    # REQUESTS_CA_BUNDLE is the one setting that botocore keeps in no configuration variable.
    bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    context: SSLContext = create_urllib3_context()
    context.check_hostname = True
    context.load_verify_locations(cafile=bundle or get_cert_path(verify=True))
    return context


def _proxy(url: str, authority: str) -> Proxy | None:
    """The proxy the environment names for `url` (`HTTPS_PROXY`, `NO_PROXY`)."""
    named = get_environ_proxies(url).get("https")
    if not named:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http" or proxy.hostname is None:
        raise ValueError("HTTPS_PROXY: expected http://[user:password@]host[:port]")
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        head += f"Proxy-Authorization: Basic {b64encode(pair.encode()).decode()}\r\n"
    return Proxy((proxy.hostname, proxy.port or 80), f"{head}\r\n".encode())
