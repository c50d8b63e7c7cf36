"""Findings of cdk-nag that stay, each with the reason beside the construct it is about."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def accept(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept one finding on one construct; any other stays an error that fails the synth."""
    pack = finding.split("-", maxsplit=1)[0]
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{pack}::{finding}", reason=reason))
