"""Scripts that run on Windows: they parse as PowerShell, hold no secret, and print none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from cellctl.spec import CellSpec
from cellctl_components.aws.bootstrap import Boot, References, user_data
from cellctl_components.aws.resolve import layout
from cellctl_components.azure import bootstrap
from cellctl_provider.octopus.machines import SCRIPT

ROOT = Path(__file__).resolve().parents[2]
PARSER = Parser(Language(tree_sitter_powershell.language()))


def aws_script(protocol: str, node: int = 0) -> str:
    body = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1", "storage": {"protocol": protocol}}
    cell = layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}))
    references = References(
        server="sql.example", login_secret="arn:login", key_secret="arn:key", administrator_secret="arn:admin",
        guest_secret="arn:guest", gateway_id="sgw-1",
    )  # fmt: skip
    text = user_data(Boot.of(cell), cell.nodes.items[node], references)
    return text.removeprefix("<powershell>\n").partition("</powershell>")[0]


def mount_script(protocol: str) -> str:
    """Return the script that a node keeps and runs at every boot: a here-string inside the other one."""
    found = re.search(r"^@'\n(.*?)\n'@ \| Set-Content", aws_script(protocol), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def certificate_script() -> str:
    """Return the script that a node on Azure keeps and runs once a day."""
    found = re.search(r".*^@'\n(.*?)\n'@ \| Set-Content \$tls", bootstrap.script(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def shares_script() -> str:
    """Return the script that a node on Azure keeps and runs every quarter of an hour."""
    found = re.search(r"^@'\n(.*?)\n'@ \| Set-Content \$map", bootstrap.script(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


SCRIPTS = {
    "aws-nfs": aws_script("nfs"),
    "aws-smb": aws_script("smb"),
    "aws-mount-nfs": mount_script("nfs"),
    "aws-mount-smb": mount_script("smb"),
    "azure": bootstrap.script(),
    "azure-certificate": certificate_script(),
    "azure-shares": shares_script(),
    "azure-queue": bootstrap.script(queued=True, grpc=True),
    "azure-password": bootstrap.script(password=True),
    "azure-apart": bootstrap.script(apart=True),
    "machine": SCRIPT,
    "machine-as-sent": f"& {{\n{SCRIPT}\n}} -action 'upgrade' -version '2026.4.7100'",
}


def wrong(node: Node) -> list[str]:
    here = [f"line {node.start_point[0] + 1}: {node.text!r:.80}"] if node.is_error or node.is_missing else []
    return here + [text for child in node.children for text in wrong(child)]


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_parses(name: str) -> None:
    assert wrong(PARSER.parse(SCRIPTS[name].encode()).root_node) == []


def test_the_parser_sees_a_mistake() -> None:
    assert wrong(PARSER.parse(b"if ($a -eq 1 { throw 'x' }").root_node)


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_is_printed_or_traced_that_may_be_a_secret(name: str) -> None:
    for word in ("Write-Host", "Start-Transcript", "Set-PSDebug -Trace", "ConvertFrom-SecureString", "@@"):
        assert word not in SCRIPTS[name]


def test_a_password_is_read_before_the_database_is_opened_and_by_those_nodes_alone() -> None:
    script = SCRIPTS["azure-password"]
    read = script.index("Get-Secret $facts.sql_password_secret")
    assert script.index("Authentication=Active Directory") < read < script.index("Invoke-Octopus database")
    assert script.index("function Invoke-Sql", read) < script.index('Invoke-Sql "SELECT')
    assert "sql_password_secret" not in SCRIPTS["azure"] + bootstrap.script("linux")


def test_a_share_is_proven_before_octopus_starts() -> None:
    script = SCRIPTS["aws-mount-nfs"]
    assert script.count("Test-Share 'C:\\Octopus\\Shared\\") == 5
    assert script.index("Test-Share 'C:") < script.index("Start-Service OctopusDeploy")


def test_a_node_starts_only_where_a_share_holds_what_the_first_node_wrote() -> None:
    assert "$leads = $true" in aws_script("nfs")
    assert "$leads = $false" in aws_script("nfs", 1)
    for script in (SCRIPTS["aws-mount-nfs"], SCRIPTS["azure"]):
        assert script.index("Set-Content $mark") < script.index("does not hold what the first node wrote")


def test_a_node_looks_once_a_day_for_a_newer_certificate_and_writes_its_key_only_then() -> None:
    script, renewal = SCRIPTS["azure"], SCRIPTS["azure-certificate"]
    run = script.index("& $tls\n")
    assert script.index("| Set-Content $tls") < run < script.index("New-ScheduledTaskTrigger -Daily")
    assert run < script.index("Invoke-Octopus service")
    assert "$env:ProgramFiles" in script[script.index("$tls = ") :].splitlines()[0]
    known = renewal.index("if ($bound -match $thumbprint) { return }")
    assert renewal.index("EphemeralKeySet") < known < renewal.index("PersistKeySet")
    # It is bound anew without a moment in which nothing is.
    assert "delete sslcert" not in script
    assert renewal.index("update sslcert") < renewal.index("add sslcert")


def test_shares_are_mapped_with_the_key_of_their_account_before_any_is_used_and_again_where_it_was_renewed() -> None:
    script, mapping = SCRIPTS["azure"], SCRIPTS["azure-shares"]
    run = script.index("& $map\n")
    assert script.index("| Set-Content $map") < run < script.index("foreach ($share in $facts.shares.PSObject")
    assert "New-TimeSpan -Minutes 15" in script[run:]
    assert "$env:ProgramFiles" in script[script.index("$map = ") :].splitlines()[0]
    steps = [
        "{ continue }",  # it answers: nothing is touched
        "-Port 445",
        "Remove-SmbGlobalMapping",
        "PSObject.Properties[$server]",
        "${id}/listKeys",
        "$keys = $null",
        "New-SmbGlobalMapping",
    ]
    places = [mapping.index(step) for step in steps]
    assert places == sorted(places)
    assert mapping.count("-RequirePrivacy $true") == mapping.count("New-SmbGlobalMapping") == 1
    assert "cmdkey /" not in script  # it would have the key as an argument
    part = "foreach ($name in $facts.accounts.PSObject.Properties.Name)"
    assert part not in script
    assert SCRIPTS["azure-apart"].index(part) < SCRIPTS["azure-apart"].index("& $map\n")


def test_a_node_comes_over_to_another_user_once_its_tasks_ended_and_takes_tasks_again_after_it_started() -> None:
    script = SCRIPTS["azure-password"]
    steps = ["'--drain=true'", "Invoke-Octopus database --instance", "--install --reconfigure --start",
             "Restart-Service", "Set-Content $userFile $facts.sql_password_secret"]  # fmt: skip
    places = [script.index(step) for step in steps]
    assert places == sorted(places)
    assert script.count("'--drain=false'") == 2  # also where tasks do not end
    assert not [step for step in steps[:1] + steps[3:] if step in SCRIPTS["azure"]]
