"""The Lambda package: locked wheels and the code of `functions/`, built once for equal inputs.

Synthesising is frequent and installing is slow, so what was built stays in `.build/`: the wheels
under a hash of what decides them, the package under a hash of that and the code. Its files are
links to the wheels', so a change of code costs neither an installation nor their space again.
Building twice gives the same bytes.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra import trimming

CACHE = Path(__file__).parent.parent / ".build"
RUNTIME = "3.14"
"""The Python version of the Lambda runtime that `infra.function` chooses."""

_BUILDERS = (Path(__file__), Path(trimming.__file__))


@dataclass(frozen=True, slots=True)
class Target:
    """What a package is built for.

    Attributes:
        python: The version that will run it, as `3.14`.
        platforms: pip's names of the platform; empty means this machine.
        compiler: An interpreter of that version, or None: then sources ship without bytecode,
            because another version's bytecode would be ignored.
    """

    python: str
    platforms: tuple[str, ...]
    compiler: str | None


def target(bundle: Literal["lambda", "local"]) -> Target:
    """Say what the stage's `bundle` means: the Lambda runtime, or this interpreter."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if bundle == "local":
        return Target(python=running, platforms=(), compiler=sys.executable)
    compiler = sys.executable if running == RUNTIME else shutil.which(f"python{RUNTIME}")
    return Target(
        python=RUNTIME,
        platforms=("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
        compiler=compiler,
    )


def fingerprint(functions: Path, wanted: Target) -> str:
    """Hash everything that decides the package's bytes."""
    code = ((str(path.relative_to(functions)), path) for path in _sources(functions))
    return _hash(_wheels_fingerprint(functions, wanted), code)


def build(functions: Path, wanted: Target, cache: Path = CACHE) -> Path:
    """Return the package's directory, built if the cache has none of this fingerprint."""
    package = cache / fingerprint(functions, wanted)
    return _once(package, lambda building: _assemble(functions, wanted, cache, building))


def _assemble(functions: Path, wanted: Target, cache: Path, building: Path) -> None:
    requirements = functions / "requirements.txt"
    wheels = _once(
        cache / f"wheels-{_wheels_fingerprint(functions, wanted)}",
        lambda directory: _install_wheels(requirements, wanted, directory),
    )
    shutil.copytree(wheels, building, copy_function=os.link)
    for source in _sources(functions):
        copy = building / source.relative_to(functions)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    for name in {source.relative_to(functions).parts[0] for source in _sources(functions)}:
        _finish(building / name, building, wanted.compiler)


def _install_wheels(requirements: Path, wanted: Target, directory: Path) -> None:
    """Install the locked wheels; each must have one of the hashes that the lock file lists."""
    where = [f"--platform={name}" for name in wanted.platforms]
    if where:
        where += [f"--python-version={wanted.python}", "--implementation=cp"]
    _run(
        [
            sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check",
            "--no-compile", "--no-deps", "--only-binary=:all:", "--require-hashes",
            "--root-user-action=ignore", f"--requirement={requirements}",
            f"--target={directory}", *where,
        ],
        PYTHONPATH="",
    )  # fmt: skip # one option a line would hide which belong together
    trimming.trim(directory)
    _finish(directory, directory, wanted.compiler)


def _finish(part: Path, package: Path, compiler: str | None) -> None:
    """Add bytecode to `part` of `package`, valid whatever its files' times are, and settle modes.

    Lambda's file system is read-only and zip archives lose times: without bytecode that needs no
    times, every cold start compiles. The hash seed decides the order of constant sets, the umask
    the modes: both are fixed, so that equal inputs give equal bytes.
    """
    if compiler:
        _run(
            [
                compiler, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
                "-s", str(package), "-p", "/var/task", str(part),
            ],
            PYTHONHASHSEED="0",
        )  # fmt: skip # one option a line would hide which belong together
    for path in (part, *part.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".so" else 0o644)


def _once(directory: Path, fill: Callable[[Path], None]) -> Path:
    """Fill `directory` unless it is there.

    What fails or is interrupted leaves nothing that a later build would take for complete. Of two
    that end at once the first stays, which is as good: their bytes are equal.
    """
    if not directory.is_dir():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="building-", dir=directory.parent) as scratch:
            building = Path(scratch) / "complete"
            fill(building)
            if not directory.is_dir():
                building.rename(directory)
    return directory


def _wheels_fingerprint(functions: Path, wanted: Target) -> str:
    machine = () if wanted.platforms else (platform.python_version(), platform.platform())
    target_ = repr((wanted.python, wanted.platforms, wanted.compiler is not None, machine))
    inputs = (functions / "requirements.txt", *_BUILDERS)
    return _hash(target_, ((path.name, path) for path in inputs))


def _hash(start: str, files: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256(start.encode())
    for name, path in files:
        digest.update(f"\0{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources(functions: Path) -> Iterator[Path]:
    """Find what ships of `functions/`: the code of its packages, without what Python leaves."""
    for package in sorted(functions.glob("*/__init__.py")):
        yield from sorted(package.parent.rglob("*.py"))


def _run(command: list[str], **environment: str) -> None:
    subprocess.run(command, check=True, env={**os.environ, **environment})  # noqa: S603 # no shell
