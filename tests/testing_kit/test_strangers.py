"""What strangers' programs do: look zones and identities up, refer to another stack, work on Azure; and what stalls."""

from __future__ import annotations

import threading
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from pulumi_aws import ec2, iam
from pulumi_azure_native import authorization, keyvault, resources, storage

from cellctl_sandbox.testing import OperationFailed, PulumiSandbox


def network() -> None:
    """A network in every zone, as most programs begin."""
    here = aws.get_region()
    vpc = ec2.Vpc("main", cidr_block="10.0.0.0/16")
    zones = aws.get_availability_zones(state="available").names
    subnets = [
        ec2.Subnet(f"private-{zone[-1]}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=zone)
        for index, zone in enumerate(zones)
    ]
    pulumi.export("subnets", [subnet.id for subnet in subnets])
    pulumi.export("where", [here.region, aws.get_caller_identity().account_id])
    pulumi.export("token", pulumi.Config().require_secret("token"))


def service() -> None:
    """A machine in the first subnet of another stack."""
    below = pulumi.StackReference(pulumi.Config().require("network"))
    image = ec2.get_ami_output(most_recent=True, owners=["amazon"])
    trust = iam.get_policy_document_output(
        statements=[{"actions": ["sts:AssumeRole"], "principals": [{"type": "Service", "identifiers": ["ec2"]}]}]
    )
    iam.Role("service", assume_role_policy=trust.json)
    ec2.Instance(
        "service",
        ami=image.id,
        instance_type="t3.small",
        subnet_id=below.require_output("subnets").apply(lambda ids: ids[0]),
        user_data=below.require_output("token"),
    )


def test_a_stack_builds_on_another_one(pulumi_sandbox: PulumiSandbox) -> None:
    upper = pulumi_sandbox.stack("dev", service, project="shop", config={"network": "organization/base/dev"})
    with pytest.raises(OperationFailed, match="unknown stack 'organization/base/dev'"):
        pulumi_sandbox.stack("other", lambda: pulumi.StackReference("organization/base/dev") and None).preview()
    lower = pulumi_sandbox.stack(
        "dev", network, project="base", config={"aws:region": "eu-north-1"}, secrets={"token": "hunter2-hunter2"}
    )
    made = lower.up()
    assert made.outputs["where"] == ["eu-north-1", "000000000000"]
    assert sorted(made.names("create"))[1:] == ["private-a", "private-b", "private-c"]
    upper.config["aws:region"] = "eu-north-1"
    upper.up()
    (found,) = pulumi_sandbox.cloud("aws").objects("aws:ec2/instance:Instance", secrets=True)
    assert found.inputs["subnetId"] == made.outputs["subnets"][0]
    assert found.inputs["userData"] == "hunter2-hunter2"
    upper.assert_no_secret_in_clear()
    upper.assert_stable()
    with pytest.raises(OperationFailed, match=r"DependencyViolation.*aws:ec2/instance:Instance"):
        lower.destroy()


def vault() -> None:
    """A resource group with a vault for whoever runs this, and a storage account."""
    me, config = authorization.get_client_config(), pulumi.Config()
    group = resources.ResourceGroup("shop", location="westeurope")
    keyvault.Vault(
        "keys",
        resource_group_name=group.name,
        vault_name="kv-shop-keys",
        properties=keyvault.VaultPropertiesArgs(
            tenant_id=me.tenant_id,
            sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
            enable_soft_delete=True,
            soft_delete_retention_in_days=config.require_int("days"),
        ),
    )
    account = storage.StorageAccount(
        "files",
        resource_group_name=group.name,
        account_name="stshopfiles",
        kind=storage.Kind.STORAGE_V2,
        sku=storage.SkuArgs(name=storage.SkuName.STANDARD_LRS),
    )
    keys = storage.list_storage_account_keys_output(account_name=account.name, resource_group_name=group.name)
    pulumi.export("key", pulumi.Output.secret(keys.keys[0].value))


def test_a_program_on_azure_with_a_fault_time_and_a_name_that_is_held(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", vault, config={"days": 7})
    planned = stack.preview()
    assert planned.changes == {"create": 3}
    assert planned.step("keys").stateful
    fault = pulumi_sandbox.fault(type="azure-native:keyvault:*", op="create", error="conflict")
    assert stack.up(check=False).step("keys").failed
    assert fault.spent
    assert stack.up().outputs["key"] == "[secret]"
    stack.assert_stable()
    stack.destroy()
    stack.assert_nothing_left()
    with pytest.raises(OperationFailed, match=r"kv-shop-keys|deleted"):
        stack.up()
    pulumi_sandbox.clock.advance(8 * 86400)
    assert stack.up().op("keys") == "create"


def test_a_thread_that_computes_without_end_is_named_instead_of_waited_for(tmp_path: Path) -> None:
    enough = threading.Event()

    def spin() -> None:
        while not enough.is_set():
            pass

    thread = threading.Thread(target=spin, name="spinner", daemon=True)
    with PulumiSandbox(tmp_path, patience_s=0.3) as sandbox:
        stack = sandbox.stack("dev", lambda: ec2.Vpc("main", cidr_block="10.0.0.0/16") and None)
        thread.start()
        try:
            with pytest.raises(OperationFailed, match="time stands still: thread 'spinner'"):
                stack.up()
        finally:
            enough.set()
            thread.join()
