"""What several modules of unit tests ask for."""

from collections.abc import Callable, Iterator

import pytest
from loopback import Peer, Server, serve


@pytest.fixture
def server(aws: Callable[[Peer], None]) -> Iterator[Server]:
    """A server that behaves as the module's own fixture `aws`."""
    with serve(aws) as server:
        yield server
