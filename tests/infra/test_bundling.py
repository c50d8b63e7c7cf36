"""What ships to Lambda: locked, trimmed, compiled, the same bytes each time, and built once."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alone import alone

from app import FUNCTIONS
from infra import trimming
from infra.package import RUNTIME, Target, build, fingerprint, target


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def package(cache: Path) -> Path:
    """Install and build for real, for this interpreter."""
    return build(FUNCTIONS, target("local"), cache)


def contents(package: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(package)): (
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in package.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    """Make a small copy of `functions/` whose inputs a test may change."""
    copy = tmp_path / "functions"
    (copy / "forwarder").mkdir(parents=True)
    (copy / "requirements.txt").write_text("six==1.17.0", encoding="utf-8")
    (copy / "forwarder" / "__init__.py").write_text("", encoding="utf-8")
    (copy / "forwarder" / "handler.py").write_text("handle = None", encoding="utf-8")
    return copy


TARGET = Target(python="3.14", platforms=("manylinux2014_aarch64",), compiler=None)


def test_the_hash_changes_with_the_code(functions: Path) -> None:
    before = fingerprint(functions, TARGET)
    (functions / "forwarder" / "handler.py").write_text("handle = 1", encoding="utf-8")

    assert fingerprint(functions, TARGET) != before


def test_the_hash_changes_with_the_requirements_and_the_target(functions: Path) -> None:
    first = fingerprint(functions, TARGET)
    other = Target(python="3.14", platforms=("manylinux2014_x86_64",), compiler=None)
    compiled = Target(python="3.14", platforms=TARGET.platforms, compiler="python3.14")
    hashes = {first, fingerprint(functions, other), fingerprint(functions, compiled)}
    (functions / "requirements.txt").write_text("six==1.16.0", encoding="utf-8")

    assert len(hashes | {fingerprint(functions, TARGET)}) == 4


def test_the_hash_ignores_what_python_leaves_behind_and_where_the_copy_is(
    functions: Path, tmp_path: Path
) -> None:
    before = fingerprint(functions, TARGET)
    leftovers = functions / "forwarder" / "__pycache__"
    leftovers.mkdir()
    (leftovers / "handler.cpython-311.pyc").write_bytes(b"old")
    moved = shutil.copytree(functions, tmp_path / "elsewhere" / "functions")

    assert fingerprint(functions, TARGET) == fingerprint(moved, TARGET) == before


def test_a_package_that_is_there_is_not_built_again(functions: Path, tmp_path: Path) -> None:
    """Installing these requirements would fail: they have no hashes."""
    cache = tmp_path / "cache"
    there = cache / fingerprint(functions, TARGET)
    there.mkdir(parents=True)

    assert build(functions, TARGET, cache) == there


def test_a_failed_build_leaves_nothing_that_looks_like_a_package(
    functions: Path, tmp_path: Path
) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        build(functions, TARGET, tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_lambdas_package_is_for_its_runtime_and_processor() -> None:
    wanted = target("lambda")

    assert wanted.python == RUNTIME == "3.14"
    assert all(name.endswith("_aarch64") for name in wanted.platforms)


def test_the_handler_starts_from_the_package_alone(package: Path) -> None:
    """A fresh interpreter that sees nothing but the package: what was trimmed is not missed."""
    code = (
        "import boto3, forwarder.handler as handler, sys;"
        "[boto3.client(name) for name in ('sqs', 's3', 'sts', 'personalize-events')];"
        "handler.find_access({**handler.os.environ, 'HOME': '/nowhere'}, 'PutEvents')"
        ".endpoint.tls.context();"
        "sys.stdout.write(str(handler.handle.__name__) + ' ' + boto3.__file__)"
    )
    done = alone(
        package,
        code,
        CALLS_PER_SECOND="1000",
        CONCURRENT_CALLS="4",
        DEAD_LETTER_BUCKET="dead-letters",
        DEAD_LETTER_QUEUE_URL="http://127.0.0.1:9/dead-letters",
        FEED="events",
        PATH=os.environ["PATH"],
        POWERTOOLS_METRICS_NAMESPACE="PersonalizeStream",
        STAGE="test",
        TARGET="a-tracker",
    )

    assert done.returncode == 0
    assert done.stdout == f"handle {package}/boto3/__init__.py"
    assert done.stderr == ""


def test_the_package_holds_bytecode_that_needs_no_file_times(package: Path) -> None:
    """PEP 552: flags 0b01 after the magic number is a hash that is never checked."""
    sources = [path for path in package.rglob("*.py") if path.stat().st_size]
    tag = sys.implementation.cache_tag

    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00", source


def test_the_package_holds_no_data_of_other_services(package: Path) -> None:
    data = package / "botocore" / "data"

    assert {path.name for path in data.iterdir() if path.is_dir()} == trimming.SERVICES
    assert list(package.glob("*.dist-info")) == []


def test_a_change_of_code_installs_nothing_again(
    functions: Path, package: Path, cache: Path
) -> None:
    shutil.copyfile(FUNCTIONS / "requirements.txt", functions / "requirements.txt")
    wheels = set(cache.glob("wheels-*"))

    changed = build(functions, target("local"), cache)

    assert set(cache.glob("wheels-*")) == wheels
    assert changed != package
    assert (changed / "forwarder" / "handler.py").read_text(encoding="utf-8") == "handle = None"
    assert not (changed / "forwarder" / "settle.py").exists()


def test_two_builds_give_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again = build(FUNCTIONS, target("local"), tmp_path)

    assert contents(again) == contents(package)
    assert again.name == package.name


def test_the_lambda_package_holds_the_lambda_processors_extensions(cache: Path) -> None:
    built = build(FUNCTIONS, target("lambda"), cache)
    names = [path.name for path in built.rglob("*.so")]

    assert names
    assert all("cpython-314-aarch64-linux-gnu" in name for name in names)
