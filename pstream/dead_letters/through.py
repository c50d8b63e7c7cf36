"""Mends documents with any program: one line of JSON in, one line out, in one process."""

import shlex
import subprocess
from collections.abc import Sequence

from replayer.mend import Mend


class BadProgram(Exception):  # noqa: N818 - it says what is bad
    """The program failed, or gave another number of lines; nothing has been changed."""


def through(command: str) -> Mend:
    """Make the mending of a command; it is started without a shell, once for all documents."""
    arguments = shlex.split(command)
    if not arguments:
        raise BadProgram("--through: got nothing, wants a command such as \"jq -c '.itemId = 1'\"")

    def mend(lines: Sequence[bytes]) -> list[bytes]:
        if not lines:
            return []
        given = b"".join(line + b"\n" for line in lines)
        try:
            # The operator's own command, and its complaints go to the operator.
            done = subprocess.run(arguments, input=given, stdout=subprocess.PIPE, check=False)  # noqa: S603
        except OSError as error:
            raise BadProgram(f"--through: cannot start {arguments[0]}: {error.strerror}") from None
        if done.returncode:
            raise BadProgram(f"--through: {arguments[0]} ended with {done.returncode}")
        mended = done.stdout.splitlines()
        if len(mended) != len(lines):
            raise BadProgram(
                f"--through: {arguments[0]} gave {len(mended)} lines for {len(lines)} documents, "
                "wants one line for each (jq does that with -c)"
            )
        return mended

    return mend
