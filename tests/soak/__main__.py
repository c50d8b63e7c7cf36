"""`python -m tests.soak`: the long soak, MINUTES=5 unless the environment says otherwise."""

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ.setdefault("MINUTES", "5")
    sys.exit(pytest.main(["-q", "-s", str(Path(__file__).parent)]))
