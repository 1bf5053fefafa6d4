"""An application gateway in a network that another team has: up, found by `verify`, another cell's beside it, down."""

from __future__ import annotations

import json
import re

import pytest
from prepared.home import LICENCES, RunningHome, licence
from prepared.written import foreign, inputs, types
from warm import client, keys

from cellctl.errors import GuardError

pytestmark = pytest.mark.turn(3, 2)

CERTIFICATE = "https://kv-own-web.vault.azure.net/secrets/web"
WEB = f"host: acme.corp.example, balancer: application_gateway, certificate: '{CERTIFICATE}'"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    root = tmp_path_factory.mktemp("hub")
    keys.give(root)
    home = RunningHome(root, "azure")
    home.write(LICENCES["azure"])
    words = ("sandbox", "network", "hub", "--cloud", "azure", "--domain", "corp.example")
    laid = client.cellctl(*words, "--home", str(root), cwd=root)
    assert laid.returncode == 0, laid.stderr
    with (root / "cells" / "acme.yaml").open("a", encoding="utf-8") as file:
        file.write(laid.stdout.replace("ingress: {", f"ingress: {{{WEB}, "))
    home.control.put_secret(LICENCES["azure"], licence(4))
    home.control.put_secret(CERTIFICATE, "a certificate with its key")
    return home


def test_without_a_subnet_for_gateways_the_file_is_wrong_and_one_that_is_no_such_is_refused(cell: RunningHome) -> None:
    file = cell.root / "cells" / "acme.yaml"
    text = file.read_text()
    file.write_text(re.sub(r" +gatewaySubnets:.*\n", "", text))
    wrong = client.cellctl("preview", "acme", "--home", str(cell.root), cwd=cell.root)
    assert (wrong.returncode, "shares its subnet with nothing else" in wrong.stderr) == (2, True), wrong.stderr
    file.write_text(re.sub(r"subnets/gateways", "subnets/elsewhere", text))
    assert cell.up().codes == ["subnet_missing"]
    file.write_text(text)


def test_it_comes_up_in_the_subnet_that_is_there_and_nodes_admit_that_alone(cell: RunningHome) -> None:
    before = foreign(cell.root)
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    made = types(cell.root, "acme")
    assert "ApplicationGateway" in made
    assert not made & {"VirtualNetwork", "NatGateway", "PrivateZone"}
    (group,) = (json.dumps(one) for one in inputs(cell.root, "acme", "azure-native:network:NetworkSecurityGroup"))
    assert '"in-https"' in group
    assert '"10.80.48.0/20"' in group  # the range of subnet `gateways`
    assert cell.cell.preview(options=cell.options()).empty
    assert {key: value for key, value in foreign(cell.root).items() if key in before} == before


def test_its_subnet_is_frozen_and_it_goes_as_it_came(cell: RunningHome) -> None:
    file = cell.root / "cells" / "acme.yaml"
    text = file.read_text()
    file.write_text(text.replace("subnets/gateways", "subnets/others"))
    with pytest.raises(GuardError) as refused:
        cell.cell.preview(options=cell.options())
    assert [one.code for one in refused.value.objections] == ["frozen_field"]
    file.write_text(text)
    down = cell.cell.down(ask=lambda *_: True, delete_data=True, options=cell.options())
    assert down.result == "succeeded", down.failures
    assert types(cell.root, "acme") == set()
