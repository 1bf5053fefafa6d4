"""The files and variables of a stack's workspace, written by ourselves: the SDK's own writer loses keys.

    .cellctl/state/                     the Pulumi file backend
    .cellctl/pulumi/key                 passphrase of the sandbox, random, 0600
    .cellctl/pulumi/salt                salt that new sandbox stacks share: one derivation for many
    .cellctl/pulumi/derived             keys derived from it, 0600
    .cellctl/pulumi/<stack>/Pulumi.yaml, Pulumi.<stack>.yaml
    .cellctl/pulumi/home/               PULUMI_HOME: plugins and logs of the CLI

Nothing secret stands in either YAML file. Source of the variables: reference/pulumi.md 10.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from cellctl.errors import EngineError
from cellctl.state.backend import FileBackend, StackName
from cellctl.state.files import write_atomically
from cellctl.state.values import Struct, Value

PROJECT = "octopus-cells"
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # the same, ten times as fast
_Dumper = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
_FIXED = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    "PULUMI_OPTION_SKIP_PLUGIN_PRE_INSTALL": "true",
    "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
    "NO_COLOR": "1",
    "GRPC_VERBOSITY": "ERROR",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """Where states are, and what opens their secrets.

    `url` is a Pulumi backend URL. `secrets_provider` is `passphrase`, `awskms://…` or `azurekeyvault://…`.
    """

    url: str
    secrets_provider: str = "passphrase"

    @property
    def folder(self) -> Path | None:
        """The folder of a file backend, None for any other."""
        return Path(self.url.removeprefix("file://")) if self.url.startswith("file://") else None


class Workspaces:
    """The workspaces of one home. `passphrase` is the caller's own; without one the home has a key file."""

    def __init__(self, root: Path, *, passphrase: str = "") -> None:
        self.root = root
        self._passphrase = passphrase
        self.private = root / ".cellctl"
        self.key_file = self.private / "pulumi" / "key"
        self.pulumi_home = self.private / "pulumi" / "home"

    @property
    def passphrase(self) -> str:
        """What seals the secrets of states, `` where there is no key file yet."""
        if self._passphrase or not self.key_file.exists():
            return self._passphrase
        return self.key_file.read_text(encoding="utf-8")

    @property
    def local(self) -> Backend:
        """The home's own file backend."""
        return Backend(url=f"file://{self.private / 'state'}")

    def folder(self, stack: str) -> Path:
        """Return the work directory of a stack."""
        return self.private / "pulumi" / stack

    def prepare(self, stack: str, config: Mapping[str, Value], *, share_salt: bool = False) -> Path:
        """Write a stack's files and return its work directory. `share_salt`: a new stack gets the home's salt.

        Raises:
            EngineError: The home cannot be written.
        """
        try:
            for folder in (self.private, self.private / "state", self.pulumi_home, self.folder(stack)):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._passphrase:
                self._key()
            share_salt = share_salt and not self._passphrase
            self._write(self.folder(stack) / "Pulumi.yaml", project_file())
            settings = self.folder(stack) / f"Pulumi.{stack}.yaml"
            self._write(settings, stack_file(config, self._shared(_kept(settings)) if share_salt else _kept(settings)))
        except OSError as error:
            raise EngineError(
                f"{self.private} cannot be written: {error.strerror or error}",
                hint="check its owner and free space",
                code="home_not_writable",
            ) from None
        return self.folder(stack)

    def environment(self, backend: Backend) -> dict[str, str]:
        """Return the variables of every engine process: complete, nothing is inherited."""
        passphrase = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(self.key_file)}
        if self._passphrase:
            passphrase = {"PULUMI_CONFIG_PASSPHRASE": self._passphrase}  # never on a disk
        return {
            **_FIXED,
            "PULUMI_HOME": str(self.pulumi_home),
            "PULUMI_BACKEND_URL": backend.url,
            **(passphrase if backend.secrets_provider == "passphrase" else {}),
        }

    def _shared(self, kept: Struct) -> Struct:
        """Return a stack's kept keys, with the home's salt where it has none yet; deriving a key costs a preview's CPU.

        The passphrase is one random key for the whole home, so that salts of their own would protect nothing.
        """
        salt = self.key_file.with_name("salt")
        if kept:
            return kept
        if not salt.exists():
            own = next(self._salts(), "")
            if own:
                write_atomically(salt, own.encode())
        text = salt.read_text(encoding="utf-8") if salt.exists() else ""
        return {"encryptionsalt": text} if text else kept

    def _salts(self) -> Iterator[str]:
        """Yield the salts of the home's stacks."""
        for settings in sorted(self.private.glob("pulumi/*/Pulumi.*.yaml")):
            kept = _kept(settings)
            if set(kept) == {"encryptionsalt"}:
                yield str(kept["encryptionsalt"])

    def _key(self) -> None:
        if self.key_file.exists():
            return
        self.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(self._salts()):  # checked against a key that is gone: no new stack may have one of them
            write_atomically(self.key_file.with_name("salt"), b"")
        temporary = self.key_file.with_name(f".key.{os.getpid()}")
        write_atomically(temporary, secrets.token_urlsafe(32).encode())
        try:
            os.link(temporary, self.key_file)  # never over a key that another run has just made
        except FileExistsError:
            pass
        finally:
            temporary.unlink()

    @staticmethod
    def _write(path: Path, text: str) -> None:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text.encode())


def project_file() -> str:
    """Return the text of Pulumi.yaml; the backend stands in the environment, where a preview may have another."""
    return yaml.safe_dump({"name": PROJECT, "runtime": "python"}, sort_keys=False)


def stack_file(config: Mapping[str, Value], kept: Mapping[str, Value]) -> str:
    """Return the text of Pulumi.<stack>.yaml. `kept` are keys that the engine put there (encryptionsalt, …)."""
    values: Struct = {"pulumi:disable-default-providers": ["*"]}
    values.update({f"{PROJECT}:{key}": value for key, value in config.items()})
    return yaml.dump({**kept, "config": values}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _kept(path: Path) -> Struct:
    keys = ("secretsprovider", "encryptedkey", "encryptionsalt")
    body = _yaml(path)
    return {key: value for key, value in body.items() if key in keys}


def _yaml(path: Path) -> Struct:
    try:
        body = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  both are safe
    except (FileNotFoundError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return body if isinstance(body, dict) else {}


def recorded(path: Path) -> Struct:
    """Return the record in the config of a Pulumi.<stack>.yaml, `{}` if there is none that can be read."""
    config = _yaml(path).get("config")
    text = config.get(f"{PROJECT}:cell") if isinstance(config, dict) else None
    try:
        record = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        record = {}
    return record if isinstance(record, dict) else {}


def stack_name(name: str) -> StackName:
    """Return the stack of a cell (`acme`: stack `cell-acme`) or of a reef (`reef/r1`: stack `reef-r1`)."""
    level, _, rest = name.rpartition("/")
    return StackName(project=PROJECT, stack=f"{level or 'cell'}-{rest}")


def file_backend(backend: Backend) -> FileBackend | None:
    """Return the file backend behind a URL, None for any other kind."""
    return FileBackend(backend.folder) if backend.folder is not None else None
