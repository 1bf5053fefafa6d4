"""From pydantic's errors to `Problem`s in the words of a cell file."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from cellctl.errors import Problem, SpecError
from cellctl.spec.model import CellSpec


def validated(data: Mapping[str, object]) -> CellSpec:
    """Return the spec of JSON-like data.

    Raises:
        SpecError: Every problem, without places.
    """
    try:
        return CellSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(
            [Problem(message=item["msg"], field=".".join(str(part) for part in item["loc"])) for item in error.errors()]
        ) from None
