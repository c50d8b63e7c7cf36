"""What a replay was asked to set is payload: no log level and no setting shows it."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent

_ASK = """
import logging
from types import SimpleNamespace
from replayer.handler import ReplayFailed, handle
context = SimpleNamespace(
    function_name="replayer", memory_limit_in_mb=512, aws_request_id="request",
    invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:replayer",
)
try:
    handle({"feeds": ["no-such-feed"], "edits": {"set": ["colour=canary"]}}, context)
except ReplayFailed as failure:
    print("failed:", failure)
print("levels:", {logging.getLogger(name).getEffectiveLevel() for name in ("botocore", "urllib3")})
"""


def test_a_request_is_not_shown_whatever_the_settings_say():
    names = ("stage", "target", "stream_name", "stream_arn", "queue_url", "bucket")
    site = {"feed": "events", **dict.fromkeys(names, "x")}
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        capture_output=True,
        check=True,
        text=True,
        env={
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "functions"),
            "POWERTOOLS_LOGGER_LOG_EVENT": "true",
            "POWERTOOLS_LOG_LEVEL": "DEBUG",
            "POWERTOOLS_SERVICE_NAME": "replayer",
            "SITES": json.dumps([site]),
        },
    )

    assert "failed: feeds: wants some of events" in done.stdout
    assert "levels: {20}" in done.stdout
    assert "canary" not in done.stdout + done.stderr
