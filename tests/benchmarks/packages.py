"""The packages that cold starts are measured from, and their sizes.

Ours is what `infra` bundles for this interpreter. The peers' is an untrimmed install of the same
`functions/requirements.txt`, without bytecode, as most packages ship, and with.
"""

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.package import build, target
from tests.benchmarks.contenders import batch_processor
from tests.benchmarks.machine import ROOT

FUNCTIONS = ROOT / "functions"
CACHE = ROOT / ".build" / "bench"


@dataclass(frozen=True, slots=True)
class Packages:
    """Directories, as Lambda would have them in /var/task."""

    shipped: Path
    untrimmed: Path
    untrimmed_with_bytecode: Path


def packages() -> Packages:
    """Build what is not there yet."""
    requirements, peer = FUNCTIONS / "requirements.txt", Path(batch_processor.__file__)
    inputs = requirements.read_bytes() + peer.read_bytes()
    untrimmed = CACHE / f"untrimmed-{hashlib.sha256(inputs).hexdigest()[:16]}"
    compiled = untrimmed.with_name(f"{untrimmed.name}-pyc")
    if not compiled.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        for each in (untrimmed, compiled):
            shutil.rmtree(each, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            building, with_bytecode = Path(scratch) / "plain", Path(scratch) / "pyc"
            _install(requirements, building)
            shutil.copy(peer, building / "handler.py")
            shutil.copytree(building, with_bytecode)
            compileall.compile_dir(with_bytecode, quiet=2)
            building.rename(untrimmed)
            with_bytecode.rename(compiled)
    return Packages(build(FUNCTIONS, target("local")), untrimmed, compiled)


def _install(requirements: Path, directory: Path) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check",
            "--no-compile", "--no-deps", "--only-binary=:all:", "--require-hashes",
            "--root-user-action=ignore", f"--requirement={requirements}", f"--target={directory}",
        ],
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip # one option a line would hide which belong together


def sizes(built: Packages) -> list[dict[str, Any]]:
    """Megabytes of each package, as files and zipped."""
    return [
        {"package": name, "unzipped": _unzipped(path) / 1e6, "zipped": _zipped(path) / 1e6}
        for name, path in (
            ("us, as shipped: trimmed, with bytecode", built.shipped),
            ("untrimmed install of the same requirements, no bytecode", built.untrimmed),
            ("the same with bytecode", built.untrimmed_with_bytecode),
        )
    ]


def _unzipped(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _zipped(directory: Path) -> int:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in directory.rglob("*"):
                archive.write(path, path.relative_to(directory))
        return file.tell()
