"""The real template, deployed to the emulator by the real CDK command line."""

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from local.emulator import ACCOUNT, CREDENTIALS, REGION, ROOT
from local.process import Process

CDK = ROOT / "node_modules" / ".bin" / "cdk"

_DONE = re.compile(r"\|\s*(\d+)/(\d+)\s*\|")
_POLL_SECONDS = 0.2
_AWS = ("AWS_", "CDK_")

Progress = Callable[[str], object]
"""Is told what happens now, again and again."""


def deploy(
    directory: Path, *, endpoint_url: str, context: Mapping[str, str], progress: Progress
) -> None:
    """Bootstrap the emulator's account, synthesise meanwhile, and deploy every stack.

    Args:
        directory: Where the cloud assembly and the logs go.
        endpoint_url: Where the emulator listens.
        context: The CDK context that chooses what is deployed.
        progress: Is told what happens now.

    Raises:
        StepFailed: One of the three failed; nothing of them runs any more.
    """
    assembly = directory / "cdk.out"
    variables = environment(directory, endpoint_url)

    def run(step: str, *arguments: str, place: Path = ROOT) -> Process:
        return Process(
            f"cdk {step}",
            [str(CDK), step, *arguments, "--no-notices"],
            log=directory / f"cdk-{step}.log",
            environment=variables,
            directory=place,
        )

    chosen = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
    with ExitStack() as running:
        progress("synthesising the template, bootstrapping the account")
        synthesis = running.enter_context(
            run("synth", "--quiet", "--output", str(assembly), *chosen)
        )
        # Where there is no cdk.json, as bootstrapping would synthesise the app once more.
        bootstrap = run("bootstrap", f"aws://{ACCOUNT}/{REGION}", place=directory)
        bootstrapping = running.enter_context(bootstrap)
        bootstrapping.finish()
        synthesis.finish()
    options = ("--app", str(assembly), "--all", "--require-approval", "never")
    with run("deploy", *options) as deploying:
        while not deploying.ended:
            progress(f"deploying{_counted(deploying.log)}")
            time.sleep(_POLL_SECONDS)
        deploying.finish()


def _counted(log: Path) -> str:
    counts = _DONE.findall(log.read_text(errors="replace"))
    return f": {counts[-1][0]} of {counts[-1][1]} resources" if counts else ""


def environment(directory: Path, endpoint_url: str) -> dict[str, str]:
    """The caller's, because the tools need it, but nothing that leads to a real account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_AWS)}
    nothing = os.devnull
    temporary = directory / "tmp"
    temporary.mkdir(exist_ok=True)
    return kept | CREDENTIALS | {
        "AWS_CONFIG_FILE": nothing,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ENDPOINT_URL_S3": endpoint_url,
        "AWS_REGION": REGION,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "CDK_HOME": str(directory / "cdk-home"),
        "CI": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "NODE_NO_WARNINGS": "1",
        # The CDK leaves something there when it is interrupted.
        "TMPDIR": str(temporary),
        "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1"))),
    }  # fmt: skip # one name a line
