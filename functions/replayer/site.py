"""Where one feed of a stage is: its stream, its queue, its bucket, and what it delivers to."""

from dataclasses import dataclass

from forwarder.destinations import DESTINATIONS, Destination
from forwarder.parse import Parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One deployed feed."""

    stage: str
    feed: str
    target: str
    stream_name: str
    stream_arn: str
    queue_url: str
    bucket: str

    @property
    def destination(self) -> Destination:
        """The feed's row of the table."""
        return DESTINATIONS[self.feed]

    @property
    def parser(self) -> Parser:
        """The feed's rules, with its own target."""
        return Parser(self.destination, self.target)
