"""Stacks composed in memory, and questions to ask of their templates."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before the CDK's first import, which starts node and prints this.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from aws_cdk import App
from aws_cdk.assertions import Template

from app import FUNCTIONS
from infra import bundling
from infra.config import Stage
from infra.stack import PersonalizeStream

ROOT = Path(__file__).parents[2]
Resource = Mapping[str, Any]
Write = Callable[[str], Path]


@dataclass(frozen=True)
class Synthesized:
    """A stage's stack, and its template with questions to ask of it."""

    stage: Stage
    stack: PersonalizeStream
    template: Mapping[str, Any]

    def of_type(self, kind: str, feed: str = "") -> dict[str, Resource]:
        """Find a feed's resources of one type (of all feeds without `feed`), by logical id."""
        return {
            name: resource
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind and name.startswith(feed)
        }

    def one(self, kind: str, feed: str) -> Resource:
        """Find the only resource of one type that a feed has."""
        (found,) = self.of_type(kind, feed).values()
        return found

    def statements(self, feed: str) -> list[Resource]:
        """Find everything that a feed's function may do."""
        policy = self.one("AWS::IAM::Policy", feed)
        found: list[Resource] = policy["Properties"]["PolicyDocument"]["Statement"]
        return found


def synthesize(stage: Stage) -> Synthesized:
    """Compose a stage in memory; nothing is installed for it."""
    app = App(context={"aws:cdk:bundling-stacks": []})
    stack = PersonalizeStream(app, stage=stage, code=bundling.code(FUNCTIONS, stage.bundle))
    return Synthesized(stage, stack, Template.from_stack(stack).to_json())


SMALLEST = """
account = "111122223333"
region = "eu-west-1"
[feeds.events]
target = "5d4f2a3e-0000-0000-0000-000000000000"
stream = { mode = "provisioned", shards = 1 }
"""
