"""Functions that look an object up: SDKs know what their data name; none, one, several; what accounts have anyway."""

from __future__ import annotations

import importlib
import inspect
import re

import pulumi
import pytest
from pulumi_aws import ec2, kms, route53, secretsmanager
from pulumi_azure_native import network, resources, storage

from cellctl_sandbox.clouds.behaviour import Function, behaviour_of, function_of, simulated_functions, usual_of
from cellctl_sandbox.testing import OperationFailed, PulumiSandbox

LOOKUPS = [function_of(token) for token in simulated_functions() if function_of(token).finds]


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


@pytest.mark.parametrize("function", LOOKUPS, ids=lambda function: function.token.rpartition(":")[2])
def test_the_sdk_knows_what_the_data_name(function: Function) -> None:
    _, place, name = function.token.split(":")
    module = importlib.import_module(f"pulumi_aws.{place.partition('/')[0]}.{snake(name)}")
    arguments = inspect.signature(getattr(module, snake(name))).parameters
    members = inspect.signature(getattr(module, f"{name[0].upper()}{name[1:]}Result")).parameters
    assert {snake(item) for item in (*function.by, *function.required)} <= {*arguments}
    assert {snake(item) for item in (*function.lists, *function.result, *function.tells)} <= {*members}
    assert not function.filters or "filters" in arguments
    shape = behaviour_of(function.finds).shape
    extra = {name for item in usual_of(function.finds) for name in item.outputs}
    paths = [path for item in (*function.by.values(), *function.filters.values()) for path in item]
    for path in (*paths, *function.lists.values(), *function.tells):
        assert path.partition(".")[0] in {"id", *shape.inputs, *shape.outputs, *extra}, path


def web() -> None:
    """A machine in the network that every account has."""
    network = ec2.get_vpc(default=True)
    subnets = ec2.get_subnets(filters=[{"name": "vpc-id", "values": [network.id]}])
    own = ec2.Vpc("own", cidr_block="10.0.0.0/16", tags={"team": "shop"})
    group = ec2.SecurityGroup("web", vpc_id=network.id, tags={"note": pulumi.Output.secret("hunter2-hunter2")})
    zone = route53.Zone("shop", name="shop.example")
    key = kms.Key("files")
    kms.Alias("files", name="alias/files", target_key_id=key.key_id)
    login = secretsmanager.Secret("login", name="shop/login")
    version = secretsmanager.SecretVersion("login", secret_id=login.id, secret_string="s3cret-s3cret")
    pulumi.export("default", [network.cidr_block, len(subnets.ids)])
    pulumi.export("own", ec2.get_vpc_output(tags=own.tags).id.apply(lambda found: own.id.apply(lambda id: found == id)))
    pulumi.export("group", ec2.get_security_group_output(id=group.id, vpc_id=network.id).name)
    pulumi.export("zone", route53.get_zone_output(name=zone.name.apply(lambda name: f"{name}.")).private_zone)
    pulumi.export("key", kms.get_key_output(key_id=key.arn).key_id)
    pulumi.export("login", secretsmanager.get_secret_version_output(secret_id=version.secret_id).secret_string)
    pulumi.export("tags", group.tags_all)


def test_a_program_on_aws_finds_what_is_there(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", web)
    found = stack.up().outputs
    assert found["default"] == ["172.31.0.0/16", 3]
    assert found["own"] is True
    assert str(found["group"]).startswith("web-")
    assert found["zone"] is False
    assert (found["login"], found["tags"]) == ("[secret]", "[secret]")
    assert stack.outputs(secrets=True)["login"] == "s3cret-s3cret"
    assert [item.id for item in pulumi_sandbox.cloud("aws").objects("aws:kms/key:Key")] == [found["key"]]
    stack.assert_no_secret_in_clear()
    stack.assert_stable()
    stack.destroy()
    stack.assert_nothing_left()


def asked(**arguments: object) -> None:
    ec2.Vpc("first", cidr_block="10.0.0.0/16")
    pulumi.export("id", ec2.get_vpc_output(**arguments).id)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"cidr_block": "10.9.0.0/16"}, "no matching EC2 VPC found"),
        ({"state": "available"}, r"does not know how aws:ec2/getVpc:getVpc finds a Vpc by 'state'"),
        ({"filters": [{"name": "isDefault", "values": ["true"]}]}, "with the filter 'isDefault'"),
    ],
)
def test_what_is_not_found_is_said(pulumi_sandbox: PulumiSandbox, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(OperationFailed, match=said):
        pulumi_sandbox.stack("dev", lambda: asked(**arguments)).preview()


def test_several_are_too_many_and_another_region_has_none(pulumi_sandbox: PulumiSandbox) -> None:
    def two() -> None:
        made = [ec2.Vpc(name, cidr_block="10.0.0.0/16", tags={"team": "shop"}) for name in ("a", "b")]
        tags = pulumi.Output.all(*(vpc.id for vpc in made)).apply(lambda _: {"team": "shop"})
        region = pulumi.Config().get("region")
        pulumi.export("id", ec2.get_vpc_output(tags=tags, region=region).id)

    with pytest.raises(OperationFailed, match="multiple EC2 VPCs matched"):
        pulumi_sandbox.stack("dev", two).up()
    with pytest.raises(OperationFailed, match="no matching EC2 VPC found"):
        pulumi_sandbox.stack("dev", two, config={"region": "eu-north-1"}).up()


def place() -> None:
    """A group with a network and an account that nobody places, and what is told of them."""
    group = resources.ResourceGroup("shop", location="northeurope")
    named = {"resource_group_name": group.name}
    account = storage.StorageAccount("files", kind="StorageV2", sku={"name": "Standard_LRS"}, **named)
    space = {"address_prefixes": ["10.0.0.0/16"]}
    subnets = [{"name": "web", "address_prefix": "10.0.0.0/24"}]
    made = network.VirtualNetwork("net", address_space=space, subnets=subnets, **named)
    pulumi.export("places", [account.location, made.location])
    pulumi.export("group", resources.get_resource_group_output(**named).location)
    found = network.get_virtual_network_output(virtual_network_name=made.name, **named)
    pulumi.export("subnet", found.subnets.apply(lambda found: found[0].id))


def test_a_program_on_azure_finds_what_is_there_where_its_group_is(pulumi_sandbox: PulumiSandbox) -> None:
    stack = pulumi_sandbox.stack("dev", place)
    found = stack.up().outputs
    assert found["places"] == ["northeurope", "northeurope"]
    assert found["group"] == "northeurope"
    assert re.search(r"/resourceGroups/shop[0-9a-f]{8}/.*/virtualNetworks/net[0-9a-f]{8}/subnets/web$", found["subnet"])
    stack.assert_stable()
    stack.config["azure-native:location"] = "westeurope"
    assert stack.preview().changed == ()  # what is there stays where it is
    with pytest.raises(OperationFailed, match="ResourceNotFound: the ResourceGroup 'other' was not found"):
        pulumi_sandbox.stack("x", lambda: resources.get_resource_group(resource_group_name="other") and None).preview()
