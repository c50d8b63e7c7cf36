"""Amazon Personalize Events on this machine: valid, limited, faulty on demand, and readable back.

`python -m local.personalize` serves it for the local stack; `Endpoint` serves it for tests.
"""

from local.personalize.endpoint import Endpoint
from local.personalize.faults import Action, Rule

__all__ = ["Action", "Endpoint", "Rule"]
