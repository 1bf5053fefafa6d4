"""A create whose answer was lost stays pending, so that the next run looks for its object."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from cellctl.engine import raw_events
from cellctl.engine.progress import Progress
from cellctl.engine.redact import Redactor
from cellctl.engine.workspace import stack_name
from cellctl.events import Moment
from cellctl.run import repair
from cellctl.run.knowledge import FactsOfTypes
from cellctl.run.session import checkpoint_text
from cellctl.state.backend import FileBackend, Loaded
from cellctl.state.checkpoint import Checkpoint

PREFIX = "urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell$"
PROVIDER = "urn:pulumi:cell-acme::octopus-cells::pulumi:providers:aws::cell::1-2"
KNOWN = {"urn": f"{PREFIX}aws:ec2/vpc:Vpc::known", "type": "aws:ec2/vpc:Vpc", "custom": True, "id": "vpc-1"}
LOST = "RequestError: the connection was lost"


@dataclass
class Place:
    """What `doubt` needs of a session."""

    files: FileBackend
    name: str = "acme"

    def load(self) -> Loaded | None:
        return self.files.read(stack_name(self.name))

    def store(self, checkpoint: Checkpoint) -> None:
        self.files.write(stack_name(self.name), checkpoint_text(checkpoint))


def failed(op: str, urn: str, message: str) -> list[raw_events.StepEvent]:
    """Return what a progress calls unanswered after one step failed."""
    type_ = urn.split("::")[2].rpartition("$")[2]
    new = {"inputs": {"password": "[secret]"}, "provider": PROVIDER, "protect": True, "parent": f"{PREFIX[:-1]}::acme"}
    progress = Progress(FactsOfTypes(), Redactor())
    for event in (
        {"resOpFailedEvent": {"metadata": {"op": op, "urn": urn, "type": type_, "new": new}}},
        {"diagnosticEvent": {"severity": "error", "message": message, "urn": urn}},
    ):
        parsed = raw_events.read(event)
        assert parsed is not None
        list(progress.take(parsed, Moment(at=0.0, simulated_at=None)))
    return progress.unanswered


@pytest.mark.parametrize(
    ("op", "name", "said", "pending"),
    [
        ("create", "aws:ec2/vpc:Vpc::lost", LOST, True),
        ("create-replacement", "aws:ec2/vpc:Vpc::known", LOST, True),
        ("update", "aws:ec2/vpc:Vpc::known", LOST, False),
        ("create", "cellctl:aws:FileGateway::own", LOST, False),
        ("create", "aws:ec2/vpc:Vpc::refused", "AccessDenied: no", False),
        ("create", "aws:ec2/vpc:Vpc::crashed", "error reading from server: EOF", True),
    ],
)
def test_only_a_create_of_a_cloud_without_an_answer_is_looked_for(tmp_path, op, name, said, pending):
    deployment = {"manifest": {}, "resources": [KNOWN]}
    files = FileBackend(tmp_path)
    body = {"version": 3, "checkpoint": {"stack": stack_name("acme").stack, "latest": deployment}}
    files.create(stack_name("acme"), json.dumps(body))
    place = Place(files)
    for _ in range(2):  # said twice, kept once
        repair.doubt(place, failed(op, f"{PREFIX}{name}", said))
    kept = [item.resource for item in place.load().checkpoint.pending if item.kind == "creating"]
    assert [item.urn for item in kept] == ([f"{PREFIX}{name}"] if pending else [])
    for item in kept:
        assert (item.provider, item.protect, item.inputs) == (PROVIDER, True, {})
