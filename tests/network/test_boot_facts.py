"""The sandbox reads out of a node's own user data whom it dials: the real scripts, on both protocols."""

from __future__ import annotations

import dataclasses
from typing import Literal

import pytest

from cellctl.spec import CellSpec
from cellctl_components.aws.bootstrap import Boot, References, user_data
from cellctl_components.aws.resolve import layout as aws_layout
from cellctl_sandbox.network.boot import boot_of
from cellctl_sandbox.standins.cloud_view import CloudObject


@pytest.mark.parametrize("system", ["windows", "linux"])
@pytest.mark.parametrize("protocol", ["nfs", "smb"])
def test_an_aws_node_dials_what_its_script_says(
    protocol: Literal["nfs", "smb"], system: Literal["windows", "linux"]
) -> None:
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "nodes": {"os": system}}
    layout = aws_layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}))
    shared = dataclasses.replace(Boot.of(layout), protocol=protocol)
    given = References(
        server="sql.example", login_secret="arn:l", key_secret="arn:k", administrator_secret="arn:a",
        guest_secret="arn:g",
    )  # fmt: skip
    guest = {"arn:g"} if protocol == "smb" else set()
    second = layout.nodes.items[1]
    script = user_data(shared, second, given)
    found = boot_of(CloudObject(type="aws:ec2/instance:Instance", id="i-1", properties={"userData": script}))
    assert found is not None
    assert (found.server, found.port, found.database) == ("sql.example", 1433, layout.database.name)
    assert (found.protocol, found.files) == (protocol, layout.gateway.host)
    assert set(found.shares) == {share.name for share in layout.shares if share.kind}
    assert set(found.secrets) == {"arn:l", "arn:k"} | guest  # the first node alone makes the administrator
    leading = user_data(shared, shared.first, given)
    led = boot_of(CloudObject(type="aws:ec2/instance:Instance", id="i-2", properties={"userData": leading}))
    assert led is not None
    assert set(led.secrets) == {"arn:l", "arn:k", "arn:a"} | guest
    assert (led.leads or system == "windows", led.compares, found.compares) == (True, False, True)
    assert found.system == led.system == system
    assert len(found.folders) == 5
    assert found.patience_s == 3600
    assert found.first == (layout.nodes.items[0].address, 8080)
