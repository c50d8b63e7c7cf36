"""`python -m tests.soak`: the long soaks; MINUTES=5 of weather, or as the environment says."""

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ.setdefault("MINUTES", "5")
    here = Path(__file__).parent
    sys.exit(pytest.main(["-q", "-s", str(here / "test_soak.py"), str(here / "worst_minutes.py")]))
