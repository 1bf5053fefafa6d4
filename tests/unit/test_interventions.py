"""What a run changes in a program's resources: locks go off with protection, what lets data go only by name."""

from __future__ import annotations

import pulumi
import pytest

from cellctl.engine import interventions

GATEWAY = "urn:pulumi:cell-a::octopus-cells::cellctl:aws:FileGateway::gw"
BUCKET = "urn:pulumi:cell-a::octopus-cells::aws:s3/bucket:Bucket::files"


@pytest.fixture
def transformations(monkeypatch: pytest.MonkeyPatch) -> list[interventions._Transformation]:
    found: list[interventions._Transformation] = []
    monkeypatch.setattr(pulumi.runtime, "register_stack_transformation", found.append)
    return found


def changed(transform: interventions._Transformation, urn: str, props: dict[str, object]) -> tuple[object, object]:
    _, _, type_, name = urn.split("::")
    args = pulumi.ResourceTransformationArgs(
        resource=None,  # type: ignore[arg-type]  # nothing looks at it
        type_=type_,
        name=name,
        props=props,
        opts=pulumi.ResourceOptions(protect=True),
    )
    result = transform(args)
    return (result.props, result.opts.protect) if result is not None else (props, True)


def test_data_go_only_where_their_loss_was_accepted(transformations: list[interventions._Transformation]) -> None:
    interventions.install(unprotect=[GATEWAY, BUCKET], accept_loss=[BUCKET])
    (transform,) = transformations
    assert changed(transform, GATEWAY, {"acceptDataLoss": False, "deletion_protection": True}) == (
        {"acceptDataLoss": False, "deletion_protection": False}, False
    )  # fmt: skip
    assert changed(transform, BUCKET, {"force_destroy": False}) == ({"force_destroy": True}, False)
    assert changed(transform, BUCKET.replace("files", "others"), {"force_destroy": False}) == (
        {"force_destroy": False}, True
    )  # fmt: skip


def test_a_preview_takes_off_protection_alone(transformations: list[interventions._Transformation]) -> None:
    interventions.install(unprotect=["*"], keep_locks=True)
    (transform,) = transformations
    assert changed(transform, BUCKET, {"force_destroy": False, "deletion_protection": True}) == (
        {"force_destroy": False, "deletion_protection": True}, False
    )  # fmt: skip
