"""What all tables of a stage file have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


def refuse(got: str, wants: str, key: str | None = None) -> PydanticCustomError:
    """Make the error of one key, or of the key `key` inside the value that is checked."""
    return PydanticCustomError("refused", "{got}", {"got": got, "wants": wants, "key": key})


class Table(BaseModel):
    """A table of a stage file: no key is ignored, no value is converted, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def is_here(arn: dict[str, str], place: dict[str, str]) -> bool:
    """Tell whether an ARN's account and region are the stage's, as far as those are known."""
    return all(arn[part] == place[part] for part in ("account", "region") if place.get(part))


def where(place: dict[str, str]) -> str:
    """Spell the stage's region and account as they stand in an ARN."""
    return f"{place.get('region') or '<region>'}:{place.get('account') or '<account>'}"
