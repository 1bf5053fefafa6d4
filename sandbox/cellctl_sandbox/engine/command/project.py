"""The working directory of a command: Pulumi.yaml, Pulumi.<stack>.yaml, and what the environment adds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlparse

import yaml

from cellctl.state.backend import FileBackend, StackName
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.files import DISK, Disk, write_atomically
from cellctl.state.sealing import Derive, KeyFile, PassphraseSealer, Vault, WrongPassphrase, derive_key
from cellctl.state.values import Value
from cellctl_sandbox.engine.command.defaults import Defaults
from cellctl_sandbox.engine.command.placing import is_sealed, text_of
from cellctl_sandbox.engine.command.replies import Refusal
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.refusals import Feature
from cellctl_sandbox.engine.scope import ConfigValue

NO_PASSPHRASE = (
    "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables"  # noqa: S105  a message
)


class Project:
    """One working directory with one environment; reads files when asked, so it is never stale."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        disk: Disk = DISK,
        config_file: str = "",
        *,
        remember_keys: bool = False,
    ) -> None:
        self.folder = folder
        file = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE") if remember_keys else None
        self._derive: Derive = KeyFile.beside(Path(file)) if file else derive_key
        self.config_file = config_file
        self.environment = environment
        document = _document(folder / "Pulumi.yaml")
        self.name = str(document.get("name") or "")
        options = document.get("options")
        self.always_refreshes = isinstance(options, dict) and options.get("refresh") == "always"
        if not self.name:
            raise Refusal("no Pulumi.yaml project file found (searching upwards from the working directory)")
        self.defaults = Defaults.of(document, self.name)
        backend = document.get("backend")
        configured = backend.get("url") if isinstance(backend, dict) else None
        self.backend = _backend(environment.get("PULUMI_BACKEND_URL") or str(configured or ""), environment, disk)

    def stack_name(self, given: str) -> StackName:
        """Return the name that a command line means; a full name must be of this project."""
        parts = given.split("/")
        if len(parts) > 1 and (len(parts) > 3 or parts[0] != "organization"):
            raise Refusal("organization name must be 'organization'")
        if len(parts) == 1:
            stack = parts[0]
        elif len(parts) == 3 and parts[1] != self.name:
            raise Refusal(f'could not create stack: provided project name "{parts[1]}" doesn\'t match Pulumi.yaml')
        else:
            stack = parts[-1]
        for place, letter in enumerate(stack):
            if not (letter.isascii() and letter.isalnum()) and letter not in "-_.":
                raise Refusal(
                    "a stack name may only contain alphanumeric, hyphens, underscores, or periods: "
                    f"invalid character '{letter}' at position {place}"
                )
        if not stack or len(stack) > 100 or stack in (".", ".."):
            raise Refusal("a stack name must have 1 to 100 characters")
        return StackName(project=self.name, stack=stack)

    def settings(self, name: StackName) -> Settings:
        """Return the settings of a stack."""
        return Settings(self.folder, name.stack, self.config_file, self.defaults)

    # ---- secrets ----
    def passphrase(self) -> str:
        """Return the passphrase; raises `Refusal` if none is set. An empty one is one."""
        if "PULUMI_CONFIG_PASSPHRASE" in self.environment:
            return self.environment["PULUMI_CONFIG_PASSPHRASE"]
        path = self.environment.get("PULUMI_CONFIG_PASSPHRASE_FILE")
        if not path:
            raise Refusal(NO_PASSPHRASE)
        try:
            return (self.folder / path).read_text().rstrip("\n")
        except OSError as error:
            raise Refusal(f"unable to read PULUMI_CONFIG_PASSPHRASE_FILE: {error.strerror}") from None

    def sealer(self, salt: str) -> PassphraseSealer:
        """Return the sealer of a salt; raises `Refusal` on a wrong or missing passphrase."""
        try:
            return PassphraseSealer(self.passphrase(), salt, self._derive)
        except WrongPassphrase as error:
            raise Refusal(str(error)) from None

    def vault(self, name: StackName, checkpoint: Checkpoint | None = None) -> Vault:
        """Return the stack's vault: salt from its settings, else from its checkpoint, else a new one."""
        settings = self.settings(name)
        refuse_other_managers(settings, checkpoint)
        salt = settings.salt or str((checkpoint.secrets_state if checkpoint else {}).get("salt") or "")
        if salt:
            return Vault(self.sealer(salt))
        sealer = PassphraseSealer.fresh(self.passphrase(), self._derive)
        settings.salt = sealer.salt
        settings.save()
        return Vault(sealer)


def refuse_other_managers(settings: Settings, checkpoint: Checkpoint | None) -> None:
    """Refuse secrets managers that this engine does not have."""
    if settings.manager not in ("", "passphrase"):
        raise UnsupportedFeature(Feature.SECRETS, settings.manager.partition(":")[0])
    if checkpoint and checkpoint.secrets_kind not in ("", "passphrase"):
        raise UnsupportedFeature(Feature.SECRETS, checkpoint.secrets_kind)


def _backend(url: str, environment: Mapping[str, str], disk: Disk) -> FileBackend:
    parsed = urlparse(url)
    if parsed.scheme != "file":
        raise UnsupportedFeature(Feature.BACKEND, parsed.scheme or url)
    path = unquote(parsed.netloc + parsed.path)
    if path.startswith("~"):
        path = environment.get("HOME", "") + path[1:]
    return FileBackend(Path(path), disk)


_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # the same, ten times as fast


def _document(path: Path) -> dict[str, Value]:
    try:
        document = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506  both are safe
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise Refusal(f"could not read {path.name}: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Refusal(f"could not read {path.name}: it is not a map")
    return {str(key): value for key, value in document.items()}


_WORDS = frozenset(("y", "Y", "n", "N"))  # truth to old readers of YAML, so the CLI quotes them


class _Dumper(yaml.SafeDumper):
    """Block style with indented lists and the quotes of the CLI."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent lists inside maps."""
        super().increase_indent(flow, False)

    def text(self, text: str) -> yaml.ScalarNode:
        """Return a string: in double quotes where it would be taken for something else, lines as lines."""
        tag = "tag:yaml.org,2002:str"
        taken = text in _WORDS or self.resolve(yaml.ScalarNode, text, (True, False)) != tag  # type: ignore[no-untyped-call]
        return self.represent_scalar(tag, text, style="|" if "\n" in text else '"' if taken else None)


_Dumper.add_representer(str, _Dumper.text)


def _in_order(new: Value, old: Value) -> Value:
    """Return maps with the keys that were there in their order, then the others sorted."""
    if isinstance(new, list):
        return [_in_order(item, None) for item in new]
    if not isinstance(new, dict):
        return new
    before = old if isinstance(old, dict) else {}
    keys = [*(key for key in before if key in new), *sorted(key for key in new if key not in before)]
    return {key: _in_order(new[key], before.get(key)) for key in keys}


class Settings:
    """Pulumi.<stack>.yaml, or the file in its place: salt and configuration; other keys are kept as they are."""

    def __init__(self, folder: Path, stack: str, file: str = "", defaults: Defaults | None = None) -> None:
        self.defaults = defaults or Defaults()
        self.path = folder / (file or f"Pulumi.{stack}.yaml")
        self._document = _document(self.path)
        config = self._document.get("config")
        self.config: dict[str, Value] = dict(config) if isinstance(config, dict) else {}

    @property
    def whole(self) -> dict[str, Value]:
        """The configuration with what the project says of the rest."""
        return {**self.defaults.values, **self.config}

    @property
    def salt(self) -> str:
        """The encryption salt, empty if there is none."""
        return str(self._document.get("encryptionsalt") or "")

    @salt.setter
    def salt(self, salt: str) -> None:
        self._document["encryptionsalt"] = salt

    @property
    def manager(self) -> str:
        """The secrets provider's URL, empty for a passphrase."""
        return str(self._document.get("secretsprovider") or "")

    def save(self) -> None:
        """Write the file."""
        document = {key: value for key, value in self._document.items() if key != "config"}
        if self.config:
            document["config"] = _in_order(self.config, self._document.get("config"))
        text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 20)
        write_atomically(self.path, text.encode() if document else b"", mode=0o600)

    def keep(self) -> None:
        """Give the file another name, if there is one: `.bak`, as often as it takes."""
        copy = self.path.with_name(self.path.name + ".bak")
        while copy.exists():
            copy = copy.with_name(copy.name + ".bak")
        if self.path.exists():
            self.path.replace(copy)

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def config_values(config: Mapping[str, Value], vault: Vault | None) -> dict[str, ConfigValue]:
    """Return configuration as the program gets it: objects as JSON text, secret if anything in them is.

    Without a vault secrets read `[secret]`.
    """
    return {key: _value(item, vault) for key, item in config.items()}


def masked_config(config: Mapping[str, Value]) -> dict[str, str]:
    """Return configuration with secrets masked, also inside objects."""
    return {key: text_of(_opened(item, None)) for key, item in config.items()}


def secrets_of(config: Mapping[str, Value], vault: Vault) -> list[str]:
    """Return every secret of a configuration in clear, also those inside objects."""
    found: list[str] = []

    def collect(item: Value) -> None:
        if isinstance(item, dict) and is_sealed(item):
            found.append(vault.sealer.open(str(item["secure"])))
        elif isinstance(item, dict | list):
            for inner in item.values() if isinstance(item, dict) else item:
                collect(inner)

    collect(dict(config))
    return found


def resealed(item: Value, old: Vault, new: Vault) -> Value:
    """Return a configuration value whose secrets are sealed by another vault."""
    if isinstance(item, dict):
        if is_sealed(item):
            return {"secure": new.sealer.seal(old.sealer.open(str(item["secure"])))}
        return {key: resealed(value, old, new) for key, value in item.items()}
    return [resealed(value, old, new) for value in item] if isinstance(item, list) else item


def _has_secret(item: Value) -> bool:
    if is_sealed(item):
        return True
    if isinstance(item, dict):
        return any(_has_secret(value) for value in item.values())
    return isinstance(item, list) and any(_has_secret(value) for value in item)


def _opened(item: Value, vault: Vault | None) -> Value:
    if isinstance(item, dict):
        if is_sealed(item):
            return vault.sealer.open(str(item["secure"])) if vault else "[secret]"
        return {key: _opened(value, vault) for key, value in item.items()}
    if isinstance(item, list):
        return [_opened(value, vault) for value in item]
    return item


def _value(item: Value, vault: Vault | None) -> ConfigValue:
    try:
        return ConfigValue(value=text_of(_opened(item, vault)), secret=_has_secret(item))
    except WrongPassphrase as error:
        raise Refusal(f"failed to decrypt configuration: {error}") from None
