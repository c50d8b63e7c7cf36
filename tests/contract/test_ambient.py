"""What the environment says by itself is what botocore would have said; the rest is left to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from ssl import CERT_REQUIRED

import botocore.session
import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.credentials import EnvProvider
from botocore.httpsession import DEFAULT_CA_BUNDLE, create_urllib3_context, get_cert_path
from loopback import session_for

from forwarder.destinations import DESTINATIONS
from forwarder.transport import ambient, chain, find_access
from forwarder.transport.endpoint import Access, Endpoint

ROOT = Path(__file__).parent.parent.parent
OPERATIONS = [destination.action for destination in DESTINATIONS.values()]


@pytest.fixture
def lambdas(tmp_path: Path) -> dict[str, str]:
    """What Lambda sets in every function, with a home of its own."""
    return {
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.14",
        "AWS_LAMBDA_FUNCTION_NAME": "forwarder",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }


def regions() -> Iterator[str]:
    """Every region botocore knows, of every partition, and some that nobody knows."""
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        for service in ("ec2", "personalize-events"):
            yield from session.get_available_regions(
                service, partition_name=partition, allow_non_regional=True
            )
    yield from ("mars-north-9", "eu-west", "eu-isoe-west-1", "us-gov-east-1", "", "eu-west-1.evil")


def told(endpoint: Endpoint) -> Endpoint:
    """All of an endpoint that can be compared."""
    return replace(endpoint, tls=None)


@pytest.mark.parametrize("region", sorted(set(regions())))
def test_each_region_is_the_host_that_botocore_resolves_or_is_left_to_it(
    region: str, lambdas: dict[str, str], tmp_path: Path
) -> None:
    access = ambient.read(lambdas | {"AWS_DEFAULT_REGION": region}, "PutEvents")

    if access is None:
        assert not region.startswith(("eu-west-", "us-east-", "ap-south")) or "." in region
        return
    theirs = chain.resolve(session_for(tmp_path, region=region), "PutEvents")
    assert told(access.endpoint) == told(theirs)
    assert (access.endpoint.tls is None, theirs.tls is None) == (False, False)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_addressed_as_by_botocore(
    operation: str, lambdas: dict[str, str], tmp_path: Path
) -> None:
    access = known(lambdas, operation)

    assert told(access.endpoint) == told(chain.resolve(session_for(tmp_path), operation))


@pytest.mark.parametrize("token", [{"AWS_SESSION_TOKEN": "token"}, {"AWS_SESSION_TOKEN": ""}, {}])
def test_the_credentials_are_those_that_botocore_takes_from_the_environment(
    token: dict[str, str], lambdas: dict[str, str]
) -> None:
    del lambdas["AWS_SESSION_TOKEN"]
    theirs = EnvProvider(lambdas | token).load()

    assert theirs is not None
    keys = known(lambdas | token).credentials()
    assert (keys.access_key, keys.secret_key) == (theirs.access_key, theirs.secret_key)
    assert (keys.token or None) == (theirs.token or None)


def test_it_trusts_the_authorities_that_botocore_ships_and_nobody_else(
    lambdas: dict[str, str],
) -> None:
    tls = known(lambdas).endpoint.tls
    assert tls is not None
    ours, shipped = tls.context(), create_urllib3_context()
    shipped.load_verify_locations(cafile=DEFAULT_CA_BUNDLE)

    assert sorted(map(str, ours.get_ca_certs())) == sorted(map(str, shipped.get_ca_certs()))
    assert (ours.verify_mode, ours.check_hostname) == (CERT_REQUIRED, True)
    assert ours.minimum_version >= shipped.minimum_version


def test_botocores_own_authorities_are_trusted_where_nothing_else_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)

    tls = chain.resolve(session_for(tmp_path), "PutEvents").tls

    assert tls is not None
    theirs = create_urllib3_context()
    theirs.load_verify_locations(cafile=get_cert_path(verify=True))
    found = tls.context().get_ca_certs()
    assert sorted(map(str, found)) == sorted(map(str, theirs.get_ca_certs())) != []


SETTINGS = sorted(
    {
        name
        for _, names, _, _ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values()
        for name in ([names] if isinstance(names, str) else names or [])
        if name.startswith("AWS_") and name != "AWS_DEFAULT_REGION"
    }
    | {
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_ROLE_ARN",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SETTING_OF_TOMORROW",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
    }
)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_lambda_does_not_make_is_botocores_to_understand(
    name: str, lambdas: dict[str, str]
) -> None:
    assert ambient.read(lambdas | {name: "x"}, "PutEvents") is None


@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"]
)
@pytest.mark.parametrize("value", [None, ""])
def test_where_something_is_missing_botocore_is_asked(
    name: str, value: str | None, lambdas: dict[str, str]
) -> None:
    del lambdas[name]
    environ = lambdas if value is None else lambdas | {name: value}

    assert ambient.read(environ, "PutEvents") is None


def test_a_configuration_at_home_is_botocores_to_understand(
    lambdas: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".aws").mkdir()

    assert ambient.read(lambdas, "PutEvents") is None


def test_where_no_home_is_named_it_is_the_users(
    lambdas: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    del lambdas["HOME"]
    assert ambient.read(lambdas, "PutEvents") is not None
    (tmp_path / ".aws").mkdir()

    assert ambient.read(lambdas, "PutEvents") is None


def test_an_operation_of_tomorrow_is_botocores_to_understand(lambdas: dict[str, str]) -> None:
    assert ambient.read(lambdas, "PutSomethingElse") is None


@pytest.mark.parametrize(
    ("setting", "address", "loaded"),
    [
        ({}, "personalize-events.eu-west-1.amazonaws.com:443", "False"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "127.0.0.1:9", "True"),
        ({"AWS_DEFAULT_REGION": "cn-north-1"},
         "personalize-events.cn-north-1.amazonaws.com.cn:443", "True"),
    ],
)  # fmt: skip
def test_botocore_is_loaded_where_it_has_to_be_asked_and_only_there(
    setting: dict[str, str], address: str, loaded: str, lambdas: dict[str, str]
) -> None:
    code = (
        "import os, sys; from forwarder.transport import find_access;"
        "host, port = find_access(os.environ, 'PutEvents').endpoint.address;"
        "print(f'{host}:{port}', 'botocore.session' in sys.modules)"
    )

    printed = subprocess.check_output(
        [sys.executable, "-c", code],
        env=lambdas | setting | {"PYTHONPATH": str(ROOT / "functions"), "PATH": os.environ["PATH"]},
        text=True,
    )

    assert printed.split() == [address, loaded]


def known(environ: dict[str, str], operation: str = "PutEvents") -> Access:
    access = ambient.read(environ, operation)
    assert access is not None
    assert find_access(environ, operation).endpoint.target == access.endpoint.target
    return access
