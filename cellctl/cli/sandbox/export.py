"""`cellctl sandbox export` and `import`: the whole sandbox as one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from cellctl.cli.options import HomeOption, YesOption

_path = Optional[Path]  # noqa: UP045  typer reads the annotation
TargetArgument = Annotated[
    _path, typer.Argument(metavar="FILE", help="Where to; by default stdout.", show_default=False)
]
SourceArgument = Annotated[Path, typer.Argument(metavar="FILE", help="What `sandbox export` wrote.")]
PassphraseOption = Annotated[
    _path,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="First line: the passphrase that protects the secrets of the sandbox in the file.",
        show_default=False,
    ),
]
WithoutFlag = Annotated[bool, typer.Option("--without-secrets", help="Put a remark in place of every secret.")]


def export(target: TargetArgument = None, passphrase: PassphraseOption = None, home: HomeOption = None) -> None:
    """Write every simulated account, with faults, quotas, clock and seed, as one JSON file: to attach to an issue.

    Secrets stay sealed with this home's key, which is not in the file unless --passphrase-file protects it.

    `cellctl sandbox export sandbox.json`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError

    text = json.dumps(open_control(home).export(_first_line(passphrase)), indent=1)
    if target is None:
        streams.out().line(text)
        return
    try:
        target.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}", hint="say another file") from None
    streams.say(f"Wrote {target}; `cellctl sandbox import {target} --home DIRECTORY` makes it live elsewhere.")


def import_(
    source: SourceArgument,
    passphrase: PassphraseOption = None,
    without_secrets: WithoutFlag = False,
    home: HomeOption = None,
    yes: YesOption = False,
) -> None:
    """Replace the sandbox of this home by an exported one.

    `cellctl sandbox import sandbox.json --home replay --without-secrets`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.cli.sandbox.reset import agreed
    from cellctl.errors import UsageError

    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}", hint="say what `sandbox export` wrote") from None
    except ValueError:
        raise UsageError(f"{source} is no JSON", hint="say what `sandbox export` wrote", code="no_export") from None
    control = open_control(home)
    if control.known("ids") and not agreed("Replace everything the simulated clouds hold?", yes=yes):
        streams.say("Nothing changed.")
        return
    count = control.restore(document, passphrase=_first_line(passphrase), without_secrets=without_secrets)
    streams.say(f"The sandbox has {count} objects now; `cellctl sandbox show` lists them.")


def _first_line(file: Path | None) -> str:
    from cellctl.errors import UsageError

    if file is None:
        return ""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", hint="put the passphrase in its first line"
        ) from None
    if not lines or not lines[0].strip():
        raise UsageError(f"{file} has no passphrase", hint="put the passphrase in its first line")
    return lines[0].strip()
