"""One run of a command that acts: what was asked for, by whom, and how it may be answered."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from pstream.dead_letters import audit
from pstream.dead_letters.desk import Desk
from pstream.deployment import Deployment
from replayer.replay import utc_now
from replayer.selection import Selection


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A command that acts on dead letters.

    Attributes:
        act: Its name.
        deployment: The stage.
        desk: Its dead letters.
        selection: Which of them are meant.
        audit_log: Where the audit line goes; None is stderr.
        yes: Do not ask.
        as_json: Print JSON and nothing else.
    """

    act: str
    deployment: Deployment
    desk: Desk
    selection: Selection
    audit_log: Path | None
    yes: bool = False
    as_json: bool = False
    errors: Console = field(default_factory=lambda: Console(stderr=True))

    @property
    def console(self) -> Console:
        """Where people read; scripts read what is printed as JSON."""
        return Console(quiet=self.as_json)

    def agrees(self, question: str) -> bool:
        """Ask; with --yes, or for scripts, nobody is asked: the former agrees, the latter not."""
        if self.yes or self.as_json:
            return self.yes
        return typer.confirm(question, default=False)

    @contextmanager
    def audited(self, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Write the audit line when the act is over, however it ends, with the counts so far."""
        act = audit.Act(
            act=self.act,
            stage=self.deployment.stage,
            feeds=tuple(self.desk.sites),
            who=self.deployment.caller(),
            selection=self.selection,
            options=options,
        )
        counts: dict[str, Any] = {}
        outcome = "interrupted"
        try:
            yield counts
            outcome = "done"
        except Exception as error:
            outcome = f"failed: {type(error).__name__}"
            raise
        finally:
            audit.write(audit.line(act, counts, outcome, utc_now()), self.audit_log)
