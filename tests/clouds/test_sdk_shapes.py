"""The private names of the SDKs that the sandbox reads: fails when an SDK moves them."""

from __future__ import annotations

import pytest

from cellctl_sandbox.clouds.sdk import UnknownType, shape_of, version_of


def test_a_shape_tells_inputs_required_ones_and_which_outputs_may_be_absent() -> None:
    rds = shape_of("aws:rds/instance:Instance")
    assert rds.required == {"instanceClass"}
    assert {"identifier", "multiAz", "storageEncrypted"} <= rds.inputs
    assert (rds.outputs["address"].optional, rds.outputs["address"].empty) == (False, "")
    assert rds.outputs["masterUserSecrets"].empty == []
    assert rds.outputs["restoreToPointInTime"].optional
    server = shape_of("azure-native:sql:Server")
    assert server.required == {"resourceGroupName"}
    assert not server.outputs["fullyQualifiedDomainName"].optional


def test_arguments_of_classes_with_init_args_are_found() -> None:
    assert "subnets" in shape_of("azure-native:network:VirtualNetwork").inputs
    assert "versioningConfiguration" in shape_of("aws:s3/bucketVersioning:BucketVersioning").required


@pytest.mark.parametrize("token", ["aws:rds/instance:Nothing", "aws:nothing/x:X", "gcp:storage/bucket:Bucket"])
def test_an_unknown_type_is_said_to_be_unknown(token: str) -> None:
    with pytest.raises(UnknownType):
        shape_of(token)


def test_the_version_is_that_of_the_installed_sdk() -> None:
    assert version_of("aws").startswith("7.")
    assert version_of("azure-native").startswith("3.")
    assert version_of("gcp") == "0.0.0"
