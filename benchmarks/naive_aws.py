"""One AWS cell previewed as Pulumi's documentation shows it: `python -m benchmarks.naive_aws HOME NAME`.

A cold process, the stack's settings one by one, the inline program over the Automation API's sockets. The program and
the engine are those of cellctl; only the way they are driven is naive.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi import automation as auto

from cellctl.clouds import AccountFacts
from cellctl.spec import CellSpec
from cellctl_sandbox.host import open_host
from cellctl_stacks.aws_cell import CLOUD

REGION = "eu-west-1"


def main(home: Path, name: str) -> None:
    """Preview one cell and print how many resources it would have."""
    spec = CellSpec.minimal(name, cloud="aws", account="sandbox", region=REGION)
    layout = CLOUD.layout(spec)
    account = AccountFacts(id="000000000000", sandbox=True)

    def program() -> None:
        CLOUD.program(layout, account)

    host = open_host(home=home, cell=name, cloud="aws", clock="stepped")
    (home / "naive-state").mkdir(exist_ok=True)
    stack = auto.create_or_select_stack(
        stack_name=f"cell-{name}",
        project_name="octopus-cells",
        program=program,
        opts=auto.LocalWorkspaceOptions(
            pulumi_command=host.command,
            env_vars={
                "PULUMI_BACKEND_URL": f"file://{home / 'naive-state'}",
                "PULUMI_CONFIG_PASSPHRASE": "of the benchmark",
            },
        ),
    )
    stack.set_config("pulumi:disable-default-providers[0]", auto.ConfigValue("*"), path=True)
    stack.set_config("cell", auto.ConfigValue(name))
    stack.set_config("region", auto.ConfigValue(REGION))
    result = stack.preview()
    print(sum(result.change_summary.values()))
    host.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
