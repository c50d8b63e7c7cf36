"""One emulator for all fault tests, and rigs that are gone when a test ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from rig import Cloud, Rig

from local.clients import connect
from local.emulator import Emulator


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Emulator(tmp_path_factory.mktemp("cloud")) as emulator:
        yield Cloud(emulator.url, connect(emulator.url))


@pytest.fixture
def rig(cloud: Cloud, tmp_path) -> Iterator[Callable[..., Rig]]:
    """Make a rig; see `rig.Rig` for the arguments."""
    with ExitStack() as rigs:

        def make(**options: Any) -> Rig:
            return rigs.enter_context(Rig(cloud, tmp_path, **options))

        yield make
