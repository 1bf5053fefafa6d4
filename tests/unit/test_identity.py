"""As whom a run acts: which variables it takes along, and which role looks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cellctl.home import Account, Home
from cellctl.run import identity
from cellctl.run.target import Target
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.resources import ResourceState

CLIENTS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
OWN = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "own"}


def target(*, looking: bool, level: str = "", preview: str = CLIENTS[1], root: Path = Path()) -> Target:
    account = Account(name="prod", cloud="azure", id="s", apply_role=CLIENTS[0], preview_role=preview)
    return Target(
        home=Home(root), name=f"{level}acme", cloud="azure", account=account, region="westeurope", spec={},
        spec_digest="", incarnation=1, engine="pulumi", looking=looking,
    )  # fmt: skip


def test_a_session_that_ends_by_itself_is_taken_along_and_somebodys_own_keys_are_not() -> None:
    assert identity.ambient(OWN, simulated=False) == {}
    session = {**OWN, "AWS_SESSION_TOKEN": "ends"}
    assert identity.ambient(session, simulated=False) == session
    assert identity.ambient(session, simulated=True) == {}
    assert identity.ambient({"AWS_PROFILE": "me", "AWS_ROLE_ARN": "r"}, simulated=False) == {"AWS_ROLE_ARN": "r"}


@pytest.mark.parametrize(
    ("looking", "level", "preview", "role", "apart"),
    [
        (True, "", CLIENTS[1], CLIENTS[1], True),
        (False, "", CLIENTS[1], CLIENTS[0], False),
        (True, "", "", CLIENTS[0], False),
        (True, "reef/", CLIENTS[1], CLIENTS[1], True),
        (True, "account/", CLIENTS[1], "", False),
    ],
)
def test_who_looks_has_the_role_that_looks(looking: bool, level: str, preview: str, role: str, apart: bool) -> None:
    made = target(looking=looking, level=level, preview=preview)
    assert made.facts().role == role
    assert made.roles == (CLIENTS if apart else ())


def test_only_providers_change_their_role() -> None:
    def row(type_: str, name: str, **inputs: str) -> ResourceState:
        urn = f"urn:pulumi:cell-acme::octopus-cells::{type_}::{name}"
        return ResourceState(urn=urn, type=type_, custom=True, id="1", inputs={**inputs}, outputs={**inputs})

    roles = json.dumps([{"roleArn": CLIENTS[0]}])
    rows = (
        row("pulumi:providers:aws", "aws", assumeRoles=roles, region="eu-west-1"),
        row("pulumi:providers:cellctl", "cellctl", azureClient=CLIENTS[0]),
        row("azure-native:authorization:RoleAssignment", "a", principalId=CLIENTS[0]),
    )
    state = Checkpoint(stack="organization/octopus-cells/cell-acme", resources=rows)
    seen = identity.as_looker(state, *CLIENTS).resources
    assert seen[0].inputs == seen[0].outputs == {"assumeRoles": roles.replace(*CLIENTS), "region": "eu-west-1"}
    assert seen[1].outputs == {"azureClient": CLIENTS[1]}
    assert seen[2] == rows[2]
