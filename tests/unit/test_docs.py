"""Docs that can drift are held to the code."""

import re
import tomllib
from pathlib import Path

import pytest

from forwarder.destinations import DESTINATIONS
from pstream import contract

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_page_on_records_is_what_the_code_says():
    page = (ROOT / "docs" / "records.md").read_text()

    assert page == contract.markdown(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page):
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))

    assert named <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_exists(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_folder_of_tests_is_run():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run = set(settings["tool"]["pytest"]["ini_options"]["testpaths"])
    have = {f"tests/{page.parent.name}" for page in (ROOT / "tests").glob("*/test_*.py")}

    assert run == have


def test_the_readme_names_every_feed():
    readme = (ROOT / "README.md").read_text()

    assert [name for name in DESTINATIONS if f"`{name}`" not in readme] == []
    assert [each.action for each in DESTINATIONS.values() if each.action not in readme] == []
