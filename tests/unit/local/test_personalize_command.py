import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from personalize_calls import boto3_client, event, events

from local.personalize import Endpoint

ROOT = Path(__file__).parents[3]


@contextmanager
def command(*arguments: str):
    process = subprocess.Popen(
        [sys.executable, "-m", "local.personalize", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_tells_its_url_serves_and_stops_cleanly(tmp_path, number):
    rules = tmp_path / "faults.json"
    rules.write_text('[{"action": "throttle"}]')
    store = tmp_path / "store.db"
    with command(
        "--store", str(store), "--quota", "put_items=50", "--tracker", "t", "--faults", str(rules)
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with urlopen(f"{told['url']}/_local/health", timeout=5) as response:  # noqa: S310 -- the URL is this machine's own
            health = json.load(response)
        with urlopen(f"{told['url']}/_local/faults", timeout=5) as response:  # noqa: S310 -- as above
            faults = json.load(response)
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)

    assert told["url"].startswith("http://127.0.0.1:")
    assert (told["pid"], told["store"]) == (process.pid, str(store))
    assert (health["status"], faults) == ("ok", [{"action": "throttle"}])
    assert (process.returncode, errors) == (0, "")
    assert store.exists()


def test_what_was_answered_is_kept_when_the_process_is_killed(tmp_path):
    path = str(tmp_path / "store.db")
    with command("--store", path) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with boto3_client(told["url"]) as client:
            for n in range(50):
                client.put_events(**events(event(eventId=f"{n}")))
        process.kill()
        process.wait(timeout=10)

    with Endpoint(store=path) as endpoint:
        assert [entry["eventId"] for entry in endpoint.entries("PutEvents")] == [
            f"{n}" for n in range(50)
        ]


@pytest.mark.parametrize(
    ("option", "said"),
    [("put_items", "wanted NAME=VALUE, got 'put_items'"), ("nope=1", "'nope': no such operation")],
)
def test_a_wrong_option_is_named_without_a_traceback(option, said):
    with command("--quota", option) as process:
        _, errors = process.communicate(timeout=10)

    assert process.returncode != 0
    assert said in errors
    assert "Traceback" not in errors
