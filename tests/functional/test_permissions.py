"""What cellctl's two roles may do on AWS is what a run calls, and nothing else: each action is taken away in turn.

The simulated cloud counts calls by resource type; which API actions are behind a type's calls is in
`cellctl/facts/permissions`. Here both meet the documents that `cellctl account up` makes, judged as IAM would.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from prepared.home import RunningHome

from cellctl.facts.document import FactsError
from cellctl.facts.permissions import looks, needed, permissions
from cellctl.spec.account import AccountSpec
from cellctl_components.aws import policies
from cellctl_components.aws.account import account_layout
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.iam import aws
from cellctl_sandbox.standins.cloud_view import CloudObject

ID, REGION = "000000000000", "eu-west-1"
STATE, KEY = "arn:aws:s3:::state", f"arn:aws:kms:{REGION}:{ID}:key/1"
SELF = f"arn:aws:iam::{ID}:role/cellctl/preview"
ON = {
    "iam": f"arn:aws:iam::{ID}:role/cells/cell-acme-node",
    "secretsmanager": f"arn:aws:secretsmanager:{REGION}:{ID}:secret:cells/acme/1/master-key-AbCdEf",
}
BASE = ("aws:iam/policy:Policy",)
"""Changed by `cellctl account up` alone, which somebody else runs."""


def estate(looked: Iterable[str], changed: Iterable[str]) -> Estate:
    """Return an account with the two roles, their policies made as the program makes them."""
    found = [*looked], [*changed]
    look, change = policies.allowing("Look", found[0]), policies.allowing("Change", policies.anywhere(found[1]))
    own = {"preview": policies.looking(STATE, KEY, SELF), "apply": policies.changing(found[1], ID, STATE, KEY)}
    objects = [
        CloudObject(type=aws.POLICY, id=f"{what}-{n}", properties={"arn": f"{what}-{n}", "policy": text})
        for what, texts in (("look", look), ("change", change)) for n, text in enumerate(texts)
    ]  # fmt: skip
    for role, text in own.items():
        objects.append(CloudObject(type=aws.ROLE_POLICY, id=role, properties={"role": role, "policy": text}))
        objects += [
            CloudObject(type=aws.ATTACHMENT, id=f"{role}-{one.id}", properties={"role": role, "policyArn": one.id})
            for one in objects if one.type == aws.POLICY and (role == "apply" or one.id.startswith("look"))
        ]  # fmt: skip
    return Estate(objects, 0.0)


def refused(account: Estate, role: str, action: str) -> str:
    """Return why a role may not do something on what the action is for, `` if it may."""
    return aws.lacks(
        account, f"arn:aws:iam::{ID}:role/cellctl/{role}", (action,), ON.get(action.partition(":")[0], "*")
    )


@pytest.fixture(scope="module")
def calls(
    running_home: Callable[[str, Path], RunningHome], tmp_path_factory: pytest.TempPathFactory
) -> set[tuple[str, str]]:
    """Return type and operation of every call: of the run that brought a cell up, and of a preview that reads all."""
    home = running_home("aws", tmp_path_factory.mktemp("called"))
    assert home.cell.preview(options=home.options(refresh="all")).empty
    found = {(str(row["type"]), str(row["operation"])) for row in home.control.calls()}
    found = {call for call in found if call[0] in permissions("aws")}
    assert len({type for type, _ in found}) > 40
    assert {operation for _, operation in found} >= {"create", "read"}
    return found


def test_the_apply_role_may_do_what_a_run_did_and_the_preview_role_looks_at_it(calls: set[tuple[str, str]]) -> None:
    layout = account_layout(AccountSpec.of("prod", cloud="aws", region=REGION))
    account = estate(layout.looks, layout.changes)
    for call in calls:
        for action in needed("aws", *call):
            assert refused(account, "apply", action) == "", call
            if call[1] == "read":
                assert refused(account, "preview", action) == "", call
    changes = {action for type, _ in calls for action in permissions("aws")[type].write}
    assert all(refused(account, "preview", action) for action in changes)


def test_whatever_action_is_taken_away_a_call_is_refused(calls: set[tuple[str, str]]) -> None:
    layout = account_layout(AccountSpec.of("prod", cloud="aws", region=REGION))
    every = calls | {(type, way) for type in permissions("aws") for way in ("read", "update")}
    users: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for call in sorted(every):
        for action in needed("aws", *call):
            users[action].append(call)
    beside = {*looks("aws").read}
    for action in {*layout.looks, *layout.changes}:
        without = estate(
            [one for one in layout.looks if one != action], [one for one in layout.changes if one != action]
        )
        assert f"{action} on" in refused(without, "apply", action)
        assert users[action] or action in beside, f"nothing calls {action}"
    assert {*users} <= {*layout.looks, *layout.changes}


def test_a_call_of_which_no_permission_is_known_is_a_complaint_of_the_generator() -> None:
    with pytest.raises(FactsError, match="aws:sqs/queue:Queue"):
        needed("aws", "aws:sqs/queue:Queue", "create")


def test_documents_are_json_that_iam_takes() -> None:
    layout = account_layout(AccountSpec.of("prod", cloud="aws", region=REGION))
    texts = [*policies.allowing("Look", layout.looks), policies.changing(layout.changes, ID, STATE, KEY)]
    parts: list[Mapping[str, object]] = [part for text in texts for part in json.loads(text)["Statement"]]
    assert all(part["Action"] and part["Resource"] for part in parts)


def test_no_role_in_a_simulated_account_may_do_anything_on_anything(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    """What stands in the account, beside what the program declares (tests/components/aws/test_aws_wildcards.py)."""
    home = running_home("aws", tmp_path)
    rows = home.control.database.rows("SELECT inputs FROM objects WHERE type = 'aws:iam/rolePolicy:RolePolicy'")
    documents = [json.loads(json.loads(str(inputs))["policy"]) for (inputs,) in rows]
    assert len(documents) >= 6
    allowed = [one for document in documents for one in document["Statement"] if one["Effect"] == "Allow"]
    wide = [
        one for one in allowed
        if "*" in ([one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"])
        and any(action.endswith("*") for action in one["Action"])
    ]  # fmt: skip
    assert wide == []
