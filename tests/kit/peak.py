"""The most memory that a process held."""

import resource
from pathlib import Path


def peak_mebibytes() -> float:
    """The peak of this process's resident memory since its program began.

    Not `ru_maxrss` where the kernel says better: it is at least what the parent held when it
    started the process, so a test would measure the tests that ran before it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
