"""Reads a stack whose state is in no folder of this machine (`s3://`, `azblob://`): one `pulumi stack export`.

For what only looks, outside a run: no operation process, no lease. Secrets stay sealed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pulumi.automation.errors import CommandError, StackNotFoundError

from cellctl.engine.classify import classify
from cellctl.engine.pulumi_cli import PulumiCli
from cellctl.errors import EngineError
from cellctl.state.values import Struct

DEADLINE_S = 60.0


def deployment(stack: str, work_dir: Path, environment: Mapping[str, str]) -> Struct:
    """Return the deployment of a stack, `{}` where there is none.

    Raises:
        UsageError: There is no fitting `pulumi` on the PATH of `environment`.
        EngineError: It could not read the state; its own words are in the message.
    """
    cli = PulumiCli.find(environment, deadline_s=DEADLINE_S)
    try:
        said = cli.run(["stack", "export", "--stack", stack], str(work_dir), {})
    except StackNotFoundError:
        return {}
    except CommandError as error:
        lines = [line.strip() for line in str(error).splitlines() if "error:" in line]
        failure = classify(lines[0].removeprefix("stderr:").strip() if lines else "the state cannot be read")
        raise EngineError(failure.message, hint=failure.hint, code=failure.code) from None
    body = json.loads(said.stdout)
    found = body.get("deployment") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}
