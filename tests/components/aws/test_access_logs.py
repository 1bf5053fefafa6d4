"""Access logs: of web balancers alone, into the bucket of the account where that is in the same region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.errors import SpecError
from cellctl.home.file import loads_home
from cellctl.spec import CellSpec
from cellctl.spec.reef import ReefSpec
from cellctl_components.aws.ingress import AccessLogs

ACCOUNT = AccountFacts(id="123456789012", sandbox=True)
HERE, ELSEWHERE = (replace(ACCOUNT, logs=f"s3://logs?region={region}") for region in ("eu-west-1", "eu-central-1"))


@pytest.mark.parametrize(("account", "bucket"), [(HERE, "logs"), (ELSEWHERE, ""), (ACCOUNT, "")])
def test_a_cells_web_balancer_writes_them_and_that_of_polling_does_not(
    record: Callable[..., object], account: object, bucket: str
) -> None:
    spec = CellSpec.minimal("acme", cloud="aws", region="eu-west-1").to_json()
    made = record(declaring(load("aws"), Wanted(level="cell", spec=spec), account))  # type: ignore[arg-type]
    balancers = {one.name: one.inputs.get("accessLogs") for one in made.of("aws:lb/loadBalancer:LoadBalancer")}  # type: ignore[attr-defined]
    told = {"bucket": bucket, "enabled": True, "prefix": "cell-acme"} if bucket else None
    assert balancers == {"acme-ingress-web": told, "acme-ingress-polling": None}


def test_a_reefs_web_balancers_write_them_for_all_its_cells(record: Callable[..., object]) -> None:
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "ingress": {"shared": True}}
    spec = ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": body}).to_json()
    made = record(declaring(load("aws"), Wanted(level="reef", spec=spec), HERE))  # type: ignore[arg-type]
    found = {one.name: one.inputs.get("accessLogs") for one in made.of("aws:lb/loadBalancer:LoadBalancer")}  # type: ignore[attr-defined]
    assert {name for name, told in found.items() if told} == {name for name in found if "-web-" in name} != set()
    assert {told["prefix"] for told in found.values() if told} == {"reef-r1"}


def test_without_a_region_of_their_own_there_are_none() -> None:
    assert AccessLogs.at("", "eu-west-1", "x") is None
    assert AccessLogs.at("s3://logs", "eu-west-1", "x") is None


HOME = 'apiVersion: cellctl/v1\nkind: Home\naccounts:\n  prod: {cloud: %s, id: "%s", logs: "%s"}\n'


@pytest.mark.parametrize("logs", ["logs", "s3://logs", "s3://logs?region=", "s3://L?region=eu-west-1", "azblob://logs"])
def test_cellctl_yaml_names_the_bucket_with_its_region(logs: str) -> None:
    good = loads_home(HOME % ("aws", "123456789012", "s3://account-prod-logs?region=eu-west-1"))
    assert good.account("prod").logs == "s3://account-prod-logs?region=eu-west-1"
    with pytest.raises(SpecError) as wrong:
        loads_home(HOME % ("aws", "123456789012", logs))
    assert [problem.field for problem in wrong.value.problems] == ["accounts.prod.logs"]
