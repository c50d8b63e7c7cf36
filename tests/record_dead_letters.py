"""Records the terminal session of docs/dead-letters.md: `python tests/record_dead_letters.py`.

It takes a few minutes. The times in it are of the machine that it runs on, emulator included.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "tests" / "kit")]

from builders import document_of  # noqa: E402 - the path comes first
from operator_stage import OperatorStage, Ran  # noqa: E402
from small_stage import SmallStage  # noqa: E402
from worst_day import worst_day  # noqa: E402

from forwarder.outcomes import Document, Reason, Rejected  # noqa: E402
from forwarder.records import unpack  # noqa: E402
from local.emulator import Emulator  # noqa: E402

PAGE = ROOT / "docs" / "dead-letters.md"
BLOCK = re.compile(r"(?<=<!-- recording -->\n).*?(?=<!-- end of recording -->)", re.DOTALL)
MENDING = ("--rename", "itmeId=itemId")


class Session:
    """Runs commands and remembers what a terminal would have shown."""

    def __init__(self, stage: OperatorStage) -> None:
        self.stage = stage
        self.lines: list[str] = []

    def say(self, words: str) -> None:
        """Add a comment."""
        self.lines.append(f"# {words}")

    def run(self, *arguments: str, said: str = "") -> Ran:
        """Run a command and record it."""
        began = time.monotonic()
        ran = self.stage.run(*arguments, said=said)
        seconds = time.monotonic() - began
        shown = " ".join(arguments)
        out = ran.out.replace("[y/N]: ", f"[y/N]: {said.strip()}\n")
        self.lines += [f"$ pstream dead-letters {shown}", *out.splitlines(), *ran.err.splitlines()]
        self.lines += [f"(exit code {ran.code}, {seconds:.0f} s)", ""]
        return ran

    def run_and_kill(self, *arguments: str, records: int) -> None:
        """Run a command and kill it when so many records are on the stream."""
        killed = self.stage.start(*arguments)
        while len(self.stage.stream("events")) < records:
            time.sleep(0.1)
        killed.kill()
        killed.wait()
        self.lines += [f"$ pstream dead-letters {' '.join(arguments)}", "Killed", ""]


def record(session: Session) -> None:
    """The session: a look, a plan, a replay that is killed, its end; then what stays, and why."""
    stage = session.stage
    worst_day(stage)
    items = stage.world("items")
    old, new = (document_of("items", properties=f'{{"price": {n}}}') for n in (1, 2))
    (first, _) = stage.put("items", [(old, "i1"), (new, "i1")])
    (document,) = unpack(first)
    assert isinstance(document, Document)
    items.reject(Rejected(document, None, Reason.REFUSED, None, "Personalize refused it."))
    stage.fill(items)

    session.run("list")
    listed = stage.run("list", "--reason", "unknown_field", "--field", "itmeId", "--each", "--json")
    session.run("show", listed.json["letters"][0]["id"][:8])
    session.run("replay", *MENDING, "--dry-run")
    session.run_and_kill(
        "replay", *MENDING, "--feed", "events", "--yes", "--rate", "1500", "--hold", "20",
        records=5000,
    )  # fmt: skip # one command
    time.sleep(21)
    session.run("replay", *MENDING, "--rate", "5000", said="y\n")
    session.say("A range that the stream no longer has:")
    events = stage.world("events")
    events.tell(events.pointer([events.arrive(old, sequence=n) for n in range(100, 120)]))
    stage.fill(events)
    session.run("replay", "--reason", "abandoned")
    session.run("list")


def main() -> None:
    """Record, and write it into the page."""
    with tempfile.TemporaryDirectory() as directory, Emulator(Path(directory)) as emulator:
        os.environ["AWS_ENDPOINT_URL"] = emulator.url
        small = SmallStage(emulator.url)
        small.deploy()
        session = Session(OperatorStage(small))
        record(session)
    text = "\n".join(line.rstrip() for line in session.lines).replace("--stage local", "")
    page = PAGE.read_text(encoding="utf-8")
    block = f"```text\n{text.strip()}\n```\n"
    PAGE.write_text(BLOCK.sub(lambda _: block, page), encoding="utf-8")


if __name__ == "__main__":
    main()
