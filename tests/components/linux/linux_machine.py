"""A machine for scripts of Linux nodes: they run for real, in a folder; what would touch a system is recorded.

`docker`, `aws`, `curl`, `mount` and the like are small programs on PATH that write down how they were called.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_PATH = re.compile(r"""(^|[ ="])(/(?:etc|usr/local|run|var/lib|srv)/)""", re.MULTILINE)
_RECORD = """#!/bin/bash
echo "{name} $*" >> "$MACHINE/calls"
{body}
"""
_DOCKER = """
for argument; do
  if [ "${before:-}" = --env ] && [[ $argument != *=* ]]; then
    printenv "$argument" | sed "s/^/$argument=/" >> "$MACHINE/given"
  fi
  before=$argument
done
case "$*" in
  "image inspect"*) exit 1 ;;
  *"${FAILING:-nothing fails}"*) exit 3 ;;
esac
"""
_CURL = """
case "$*" in
  *octopusservernodes/ping*) [ -e "$MACHINE/first-answers" ] || { touch "$MACHINE/first-answers"; exit 22; } ;;
  */api) [ -n "${RUNNING:-}" ] && echo "{\\"Version\\": \\"$RUNNING\\"}" || exit 7 ;;
  *api/token*) echo token ;;
  *tags/instance*) echo 2026.4.7000 ;;
  *compute/userData*) cat "$MACHINE/told" ;;
  *oauth2/token*) echo '{"access_token": "value of a token"}' ;;
  *vault.azure.net/secrets/*)
    cat >> "$MACHINE/given"
    name=$(sed 's/.*secrets.\\([^?]*\\).*/\\1/' <<< "$*")
    [ ! -e "$MACHINE/vault/$name" ] || { cat "$MACHINE/vault/$name"; exit; }
    echo "{\\"value\\": \\"value of $name\\"}" ;;
  *redis*listKeys*) cat >> "$MACHINE/given"; echo '{"primaryKey": "value of queue key"}' ;;
  *listKeys*) cat >> "$MACHINE/given"; echo '{"keys": [{"value": "value of key1"}, {"value": "value of key2"}]}' ;;
  *global-bundle.pem*) echo roots > "$(sed 's/.*-o \\([^ ]*\\).*/\\1/' <<< "$*")" ;;
esac
"""
_OPENSSL = """
while [ $# -gt 0 ]; do
  case $1 in
    pkcs12) read -r given ;;
    -out | -keyout) echo "${given:-made here}" > "$2" ;;
  esac
  shift
done
"""
_SYSTEMCTL = """
case "$*" in
  "is-active"*) [ -e "$MACHINE/active" ] ;;
  *"start octopus") touch "$MACHINE/active" ;;
esac
"""
_COMMANDS = {
    "dnf": "",
    "apt-get": "",
    "modprobe": "",
    "passwd": "",
    "timeout": "",
    "getent": 'echo "${ADDRESS:-10.64.4.5} STREAM $2"',
    "openssl": _OPENSSL,
    "docker": _DOCKER,
    "aws": 'echo "value of $(sed "s/.*--secret-id \\([^ ]*\\).*/\\1/" <<< "$*")"',
    "curl": _CURL,
    "mount": 'cat "$MACHINE"/run/octopus/{guest,share} >> "$MACHINE/credentials" 2> /dev/null; exit 0',
    "mountpoint": "exit 1",
    "systemctl": _SYSTEMCTL,
    "hostnamectl": "",
    "chown": "",
    "sleep": "",
    "setpriv": 'while [[ $1 == --* ]]; do shift; done; exec "$@"',
}
_RECORDED = ("calls", "given", "credentials", "told")
_FOLDERS = (
    "etc/pki/tls/certs", "etc/ssl/certs", "etc/systemd/system", "etc/nginx/conf.d", "usr/local/sbin", "run/lock",
    "var/lib", "srv",
)  # fmt: skip


@dataclass
class Machine:
    """One machine below `root`; paths of the script lead there. `booted` and `said` are of its first boot."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    booted: list[str] = field(default_factory=list)
    said: str = ""

    def __post_init__(self) -> None:
        commands = self.root / "commands"
        commands.mkdir(parents=True)
        for name, body in _COMMANDS.items():
            path = commands / name
            path.write_text(_RECORD.format(name=name, body=body), encoding="utf-8")
            path.chmod(0o755)
        for folder in _FOLDERS:
            (self.root / folder).mkdir(parents=True)
        for roots in ("etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/certs/ca-certificates.crt"):
            (self.root / roots).write_text("system\n", encoding="utf-8")

    def run(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a script with bash; absolute paths of a machine are those below `root`."""
        script = _PATH.sub(rf"\1{self.root}\2", script)
        path = f"{self.root}/commands:{self.root}/usr/local/sbin:{os.environ['PATH']}"
        ended = subprocess.run(
            ["bash", "-c", script],
            env={"PATH": path, "MACHINE": str(self.root), **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not check or ended.returncode == 0, ended.stderr
        return ended

    def boot(self, script: str) -> None:
        """Run a first boot's script, which must succeed."""
        ended = self.run(script)
        self.booted, self.said = self.calls, ended.stdout + ended.stderr

    def forget(self) -> None:
        """Forget what was recorded so far, but not `booted`."""
        self.environment.pop("FAILING", None)
        for name in ("calls", "given"):
            (self.root / name).unlink(missing_ok=True)

    @property
    def calls(self) -> list[str]:
        """Return every command that was run, in order."""
        path = self.root / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def octopus(self, calls: list[str] | None = None) -> list[str]:
        """Return what was asked of Octopus' own command line, in order."""
        mark = "exec /Octopus/Octopus.Server "
        return [call.partition(mark)[2] for call in (self.calls if calls is None else calls) if mark in call]

    def given(self) -> list[str]:
        """Return what containers were given in their environment."""
        path = self.root / "given"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def stored(self) -> str:
        """Return the text of every file that the script left on the machine."""
        left = [path for path in self.root.rglob("*") if path.is_file() and "commands" not in path.parts]
        kept = [path for path in left if path.name not in _RECORDED and "vault" not in path.parts]
        return "\n".join(path.read_text(encoding="utf-8") for path in kept)
