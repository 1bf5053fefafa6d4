"""Launchers of plugins, where the real CLI looks for them. Source of the layout: reference/pulumi.md 2.4."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from cellctl.errors import EngineError
from cellctl.state.files import write_atomically
from cellctl_provider.hosts import visitor

VARIABLE = "CELLCTL_PLUGIN_DESK"
"""Where a launcher finds the socket of a desk (`desk`); without it the plugin serves itself."""


def place(pulumi_home: Path, package: str, version: str, words: str) -> None:
    """Let the CLI find a plugin: a script that becomes `python -P -m WORDS` of this interpreter.

    `words` are shell words; the engine's own argument, its address, is not needed. Where a desk serves (`desk`), the
    script becomes a visitor of that.

    Raises:
        EngineError: The folder cannot be written (code `home_not_writable`).
    """
    folder = pulumi_home / "plugins" / f"resource-{package}-v{version}"
    path = folder / f"pulumi-resource-{package}"
    paths = shlex.quote(":".join(entry for entry in sys.path if entry))
    python, guest = shlex.quote(sys.executable), shlex.quote(str(Path(visitor.__file__)))
    text = (
        f'#!/bin/sh\n[ -n "${VARIABLE}" ] && exec {python} -I -S {guest} "${VARIABLE}" {shlex.quote(package)}\n'
        f"PYTHONPATH={paths} exec {python} -P -m {words}\n"
    ).encode()
    try:
        if path.exists() and path.read_bytes() == text:
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, text)
        path.chmod(0o700)
    except OSError as error:
        raise EngineError(
            f"plugin {package} cannot be written to {pulumi_home}: {error.strerror or error}",
            hint="check its owner and free space",
            code="home_not_writable",
        ) from None
