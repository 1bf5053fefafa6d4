"""A create whose answer was lost stays pending, so that the next run looks for its object."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from cellctl.engine.classify import classify
from cellctl.engine.workspace import stack_name
from cellctl.run import repair
from cellctl.state.backend import FileBackend, Loaded

PREFIX = "urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell$"
KNOWN = {"urn": f"{PREFIX}aws:ec2/vpc:Vpc::known", "type": "aws:ec2/vpc:Vpc", "custom": True, "id": "vpc-1"}


@dataclass
class Place:
    """What `doubt` needs of a target."""

    files: FileBackend
    name: str = "acme"

    def load(self) -> Loaded | None:
        return self.files.read(stack_name(self.name))


@pytest.mark.parametrize(
    ("said", "urn", "pending"),
    [
        ("RequestError: the connection was lost", f"{PREFIX}aws:ec2/vpc:Vpc::lost", True),
        ("RequestError: the connection was lost", KNOWN["urn"], False),
        ("RequestError: the connection was lost", f"{PREFIX}cellctl:aws:FileGateway::own", False),
        ("RequestError: the connection was lost", "", False),
        ("AccessDenied: no", f"{PREFIX}aws:ec2/vpc:Vpc::refused", False),
    ],
)
def test_only_a_lost_create_of_a_cloud_is_looked_for(tmp_path, said, urn, pending):
    deployment = {"manifest": {}, "resources": [KNOWN]}
    files = FileBackend(tmp_path)
    body = {"version": 3, "checkpoint": {"stack": stack_name("acme").stack, "latest": deployment}}
    files.create(stack_name("acme"), json.dumps(body))
    place = Place(files)
    for _ in range(2):  # said twice, kept once
        repair.doubt(place, [classify(said, urn)])
    kept = place.load().checkpoint.pending
    assert [(item.resource.urn, item.resource.type, item.kind) for item in kept] == (
        [(urn, "aws:ec2/vpc:Vpc", "creating")] if pending else []
    )
