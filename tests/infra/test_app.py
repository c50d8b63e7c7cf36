"""The app as the CDK starts it: nag is satisfied, and a wrong stage is one readable line."""

import json
import os
import subprocess
import sys
from pathlib import Path

from stacks import ROOT


def synth(tmp_path: Path, **context: object) -> subprocess.CompletedProcess[str]:
    """Run app.py as `cdk synth` does, without bundling."""
    settings = {**_flags(), "aws:cdk:bundling-stacks": [], **context}
    return subprocess.run(
        [sys.executable, "app.py"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_CONTEXT_JSON": json.dumps(settings),
            "CDK_OUTDIR": str(tmp_path),
            "PYTHONPATH": "functions",
        },
        text=True,
        timeout=120,
    )


def _flags() -> dict[str, object]:
    flags: dict[str, object] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))[
        "context"
    ]
    return flags


def test_every_finding_of_nag_is_mended_or_accepted_with_a_reason(tmp_path: Path) -> None:
    done = synth(tmp_path, stage="example")

    assert done.returncode == 0, done.stdout + done.stderr
    report = tmp_path / "validation-report.json"
    found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    plugins = found.get("pluginReports", [])
    nag = [p for p in plugins if p["pluginName"] in {"AwsSolutions", "Serverless"}]
    assert [v["ruleName"] for plugin in nag for v in plugin["violations"]] == []


def test_an_unknown_stage_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    done = synth(tmp_path, stage="nowhere")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        'cdk: -c stage=NAME: got "nowhere", wants one of the files in stages/: example, local'
    )
    assert "Traceback" not in done.stderr
