"""Read and write a reef file: from text to ReefSpec, or to every problem at once, each with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import SpecError
from cellctl.spec import source
from cellctl.spec.problems import placed
from cellctl.spec.reading import doubts, parsed, validate
from cellctl.spec.reef import ReefSpec
from cellctl.spec.reef_rules import NOT_ON_AZURE, findings
from cellctl.spec.writing import section_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.main import IncEx

SCHEMA = "../.cellctl/schemas/reef-v1.json"  # where a home keeps it, seen from reefs/

_COMMENTS: Mapping[str, str] = {
    "cloud": "cloud, account and region are frozen once the reef exists",
    "account": "a name in cellctl.yaml; sandbox is simulated: nothing real is created",
    "maxCells": "how many customers one accident may touch",
    "lowWater": "free databases or shares below which the reef should grow",
    "database": "hosts that cells share; each cell has its own database and login",
    "storage": "gateways that cells share: ten bucket and share pairs each, one for a cell",
    "ingress": "load balancers that cells share, instead of two for each cell",
    "network": "all cells on the reef live in it: /16 to /20",
    "maintenance": "when the cloud may patch",
    "protection": "deletion locks on everything that holds data",
}


_ON_AZURE: Mapping[str, str] = {
    "lowWater": "free databases below which the reef should grow",
    "ingress": "who may reach any cell on the reef; each cell has its own load balancer",
}


def load_reef(path: Path) -> ReefSpec:
    """Return the spec of a reef file.

    Raises:
        SpecError: Every problem of the file, in the order of its lines.
    """
    return loads_reef(source.read(path), source.shown(path))


def loads_reef(text: str, file: str = "reef.yaml") -> ReefSpec:
    """Return the spec of a reef file's text; SpecError with every problem."""
    found = parsed(text, file)
    reef, wrong = validate(ReefSpec, found.data, found)
    wrong += [item for item in doubts(found) if item[0] not in {path for path, _ in wrong}]
    problems = [problem for _, problem in wrong]
    if reef is not None:
        problems += findings(reef)
    if problems or reef is None:
        raise SpecError(placed(problems, found, file))
    return reef


def dump_reef(reef: ReefSpec) -> str:
    """Return the text of a reef file: every field, comments, and the line by which editors find the schema."""
    azure = reef.spec.cloud == "azure"
    what = "a network and database hosts" if azure else "a network, database hosts and gateways"
    head = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# A reef: {what} that cells share. Guide: docs/guides/reefs.md",
    ]
    data = reef.model_dump(mode="json", by_alias=True, exclude=_left_out() if azure else None)
    return "\n".join([*head, *section_lines(data, {**_COMMENTS, **(_ON_AZURE if azure else {})})]) + "\n"


def _left_out() -> IncEx:
    """Return what a reef on Azure does not have."""
    body: dict[str, IncEx | bool] = dict.fromkeys(NOT_ON_AZURE[""], True)
    for section, fields in NOT_ON_AZURE.items():
        if section:
            body[section] = set(fields)
    return {"spec": body}
