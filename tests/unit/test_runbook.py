"""The runbook has a section for each alarm, in the alarm's words, and commands that exist."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from infra.alarms import ALARMS
from pstream.__main__ import app

PAGES = Path(__file__).parents[2] / "docs"
RUNBOOK = (PAGES / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n+(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def test_there_is_one_section_for_each_alarm_in_their_order():
    assert list(SECTIONS) == [alarm.name for alarm in ALARMS]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_a_section_begins_with_what_the_alarms_mail_says(alarm):
    assert SECTIONS[alarm.name].startswith(alarm.meaning)


def commands() -> list[list[str]]:
    lines = [
        line
        for page in ("runbook.md", "dead-letters.md")
        for line in re.findall(r"^\$ (pstream .*)$", (PAGES / page).read_text(), re.MULTILINE)
    ]
    return [line.split() for line in lines]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_and_option_that_the_pages_name_exists(words):
    command = get_command(app)
    for word in words[1:3]:
        command = command.commands[word]  # type: ignore[attr-defined] # groups all the way
    known = {name for option in command.params for name in option.opts}

    assert {word for word in words if word.startswith("--")} <= known


def test_the_page_on_dead_letters_names_every_command_and_option():
    page = (PAGES / "dead-letters.md").read_text(encoding="utf-8")
    group = get_command(app).commands["dead-letters"]  # type: ignore[attr-defined] # a group
    missing = [
        f"{name} {option}"
        for name, command in group.commands.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and f"`{option}" not in page
    ]

    assert missing == []
    assert [name for name in group.commands if f"dead-letters {name}" not in page] == []
