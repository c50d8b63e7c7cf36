"""One synth for all: starting the CDK takes seconds, asking a template takes none."""

from pathlib import Path

import pytest
from stacks import Synthesized, Write, synthesize

from infra import stages


@pytest.fixture(scope="session")
def example() -> Synthesized:
    return synthesize(stages.choose("example"))


@pytest.fixture(scope="session")
def local() -> Synthesized:
    return synthesize(stages.choose("local", endpoint="http://127.0.0.1:4242"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a stage file called prod, and return where it is."""

    def write(text: str) -> Path:
        path = tmp_path / "stages" / "prod.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
