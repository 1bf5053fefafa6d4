"""The reference page of the cell file, written from its model: every field, its default, and why that is safe."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cellctl.spec import fields, schema
from cellctl.spec.model import CellSpec
from cellctl.spec.presets import PRESETS
from cellctl.spec.writing import dump

# Why each default is safe; a test asserts that no field is missing here.
SAFE: Mapping[str, str] = {
    "apiVersion": "There is one version; a file without it is read as this one.",
    "kind": "A file in `cells/` can be nothing else.",
    "metadata.name": "Needed: a cell is never named by guessing.",
    "metadata.owner": "Only a tag; nothing depends on it.",
    "metadata.labels": "Only tags; nothing depends on them.",
    "metadata.decommission": "A file that disappears without notice fails the check of its pull request.",
    "spec.cloud": "Needed: nothing is created on a cloud that the file does not name.",
    "spec.account": "Needed: an account is never guessed, and one that `cellctl.yaml` lacks is refused, not simulated.",
    "spec.region": "Needed: data never lands in a region that nobody chose.",
    "spec.preset": "Highly available, backed up, of moderate cost. The smallest preset must be asked for.",
    "spec.placement": "Nothing is shared with another customer.",
    "spec.placement.reef": "Needed for a shared place; reefs are never guessed.",
    "spec.octopus.version": "A version that this cellctl was tested with; it never changes by itself.",
    "spec.octopus.licence": "No licence is sent anywhere. Octopus then accepts one node, and says so.",
    "spec.octopus.licence.secret": "Needed with a licence; a name, so that the licence itself is never in a file.",
    "spec.octopus.licence.nodeLimit": "Unknown limits are not guessed; Octopus itself still enforces its licence.",
    "spec.octopus.taskCap": "What the preset's node size carries, by Octopus' own sizing.",
    "spec.octopus.administrator.username": "Only a name; the password is generated and kept in the secret store.",
    "spec.octopus.administrator.email": "An address below the cell's own host name: nobody else receives its mail.",
    "spec.nodes.count": "Two nodes in two zones or more: one may fail or be patched.",
    "spec.nodes.size": "Fits the task cap of the preset.",
    "spec.nodes.os": "The system on which Octopus Server supports every feature.",
    "spec.nodes.roles": "Every node does everything, so any one may fail.",
    "spec.database.tier": "Fits the nodes of the preset; it can grow later.",
    "spec.database.multiZone": "On, except in trials: the database survives the loss of a zone.",
    "spec.database.retentionDays": "Never 0, nor a cloud's own default of 1: a mistake of last week can be undone.",
    "spec.database.geoBackup": "Off, except in gold: data does not leave its region unless that is asked for.",
    "spec.database.longTerm": "Off: what is kept for years must be asked for. Such backups outlive the server.",
    "spec.database.longTerm.weeks": "None is kept that nobody asked for.",
    "spec.database.longTerm.months": "None is kept that nobody asked for.",
    "spec.database.longTerm.years": "None is kept that nobody asked for.",
    "spec.database.authentication": "Entra: no password can leak that does not exist. On AWS there are passwords only.",
    "spec.database.passwordTurn": "A password lasts until somebody asks for another one.",
    "spec.database.failover": "Off: data does not leave its region unless that is asked for, and costs twice.",
    "spec.database.failover.region": "Needed with it: another region is never guessed.",
    "spec.database.edition": "The edition that has what Octopus uses, and costs half of the next one.",
    "spec.storage.backend": "The backend that every cell of the cloud can have.",
    "spec.storage.protocol": "A gateway's NFS share admits the cell's nodes alone; SMB elsewhere is encrypted.",
    "spec.storage.sizeGiB": "A quota or an alarm long before anything is full; growing it moves no data.",
    "spec.storage.kinds": "Each kind of file has a share of its own, so one cannot fill another.",
    "spec.storage.tier": "Premium: offered in the most regions. The others pay for size, operations and speed apart.",
    "spec.storage.authentication": "The key is in no state and no file of a node; the identity alone may fetch it.",
    "spec.storage.snapshotDays": "Their vault outlives the cell by two weeks at least, and needs rights of its own.",
    "spec.storage.cacheGiB": "A fifth of all files is what is used again and again; no disk of a cache ever shrinks.",
    "spec.storage.directory": "Nothing: a dedicated gateway has a guest of its own, and NFS knows nodes by address.",
    "spec.storage.directory.secret": "Required there: nobody else's user opens the share.",
    "spec.storage.directory.users": "Required there: a share that names nobody would admit all of the domain.",
    "spec.storage.kinds.packages": "Created, because Octopus needs it.",
    "spec.storage.kinds.packages.storageAccount": "One account: one key, one endpoint, one lock to watch.",
    "spec.storage.kinds.packages.tier": "As the rest of the files.",
    "spec.storage.kinds.packages.share": "A folder of the one share that a cell on a reef has.",
    "spec.storage.kinds.artifacts": "Created, because Octopus needs it.",
    "spec.storage.kinds.artifacts.storageAccount": "One account: one key, one endpoint, one lock to watch.",
    "spec.storage.kinds.artifacts.tier": "As the rest of the files.",
    "spec.storage.kinds.artifacts.share": "A folder of the one share that a cell on a reef has.",
    "spec.storage.kinds.taskLogs": "Created, because Octopus needs it.",
    "spec.storage.kinds.taskLogs.storageAccount": "One account: one key, one endpoint, one lock to watch.",
    "spec.storage.kinds.taskLogs.tier": "As the rest of the files.",
    "spec.storage.kinds.taskLogs.share": "A folder of the one share that a cell on a reef has.",
    "spec.storage.kinds.imports": "Created, because Octopus needs it.",
    "spec.storage.kinds.imports.storageAccount": "One account: one key, one endpoint, one lock to watch.",
    "spec.storage.kinds.imports.tier": "As the rest of the files.",
    "spec.storage.kinds.imports.share": "A folder of the one share that a cell on a reef has.",
    "spec.storage.kinds.eventExports": "Created, because Octopus needs it.",
    "spec.storage.kinds.eventExports.storageAccount": "One account: one key, one endpoint, one lock to watch.",
    "spec.storage.kinds.eventExports.tier": "As the rest of the files.",
    "spec.storage.kinds.eventExports.share": "A folder of the one share that a cell on a reef has.",
    "spec.ingress.host": "A name in `.internal`, which can never exist on the internet.",
    "spec.ingress.certificate": "Traffic is encrypted from the first minute; the certificate is the cell's own.",
    "spec.ingress.allow": "Private addresses only; nobody on the internet may connect.",
    "spec.ingress.exposure": "Private addresses only; nothing of the cell is on the internet.",
    "spec.ingress.balancer": "The cloud's plain load balancer; it carries Tentacles as well as people.",
    "spec.ingress.firewall": "Nobody is turned away by a rule that takes a script for an attack.",
    "spec.ingress.authority": "Only issuers that everybody trusts are trusted.",
    "spec.ingress.polling": "Works with every version of Octopus and needs no Redis.",
    "spec.ingress.zone": "A private zone of the cell's own, named as its host: no domain of yours is touched.",
    "spec.ingress.grpc": "Nothing is open that nobody uses.",
    "spec.ingress.queueToken": "A token lasts until somebody asks for another one.",
    "spec.network.create": "No network of yours is touched.",
    "spec.network.cidr": "Private, and large enough to grow; networks of cells are not peered, so ranges may repeat.",
    "spec.network.existing": "No network of yours is touched.",
    "spec.network.existing.id": "Needed with an existing network.",
    "spec.network.existing.subnets": "Needed with an existing network; the cell survives the loss of a zone in it.",
    "spec.network.existing.balancerSubnets": "Everything is in the subnets that you named.",
    "spec.network.existing.databaseSubnets": "Everything is in the subnets that you named.",
    "spec.network.existing.gatewaySubnets": "The load balancer carries the web, and needs no subnet of its own.",
    "spec.network.existing.gatewayEndpoint": "An endpoint that no other cell depends on, and that goes with the cell.",
    "spec.network.existing.privateZones": "Zones that no other cell depends on, and that go with the cell.",
    "spec.maintenance.window": "The cloud patches only then, when few people work.",
    "spec.protection.deletion": "Nothing that holds data is deleted by mistake, by cellctl or in the cloud's console.",
    "spec.protection.key": "A key of the cell's own: who may open one cell may not open another.",
}

_INTRO = """# The cell file

Generated by `tools/generate.py` from the model; `schemas/cell-v1.json` is the same for editors. A cell file is YAML of
one document without anchors, aliases and tags, at most 64 KiB. Only `metadata.name`, `spec.cloud`, `spec.account` and
`spec.region` are needed; what a file does not say is filled from its preset, and a value in the file always wins.

Every problem of a file is listed at once, with file, line, column and field; nothing is changed and the exit code is 2.
Options that a later version brings are checked now and answered with "not yet", exit code 2.

`cloud`, `account` and `region` are frozen once the cell exists.

## A complete file

```yaml
{example}```

## What each preset fills in

| field | trial | standard | gold |
|---|---|---|---|
{presets}

## Fields
"""


def cell_file_reference() -> str:
    """Return the page in Markdown."""
    example = dump(CellSpec.minimal("acme", cloud="aws", region="eu-west-1"))
    parts = [_INTRO.format(example=example, presets="\n".join(_preset_rows()))]
    for path, model in _sections(CellSpec, ""):
        title = path or "The file itself"
        parts.append(f"\n### {f'`{title}`' if path else title}\n\n{_sentence(model)}\n")
        parts.append("\n| field | value | default | what it is | why the default is safe |\n|---|---|---|---|---|\n")
        parts.extend(_row(path, key, info) for key, info in fields.known(model).items())
    return "".join(parts)


def paths(model: type[BaseModel] = CellSpec, path: str = "") -> Iterator[str]:
    """Yield the path of every field that holds a value or may be left out as a whole."""
    for key, info in fields.known(model).items():
        here = f"{path}.{key}".lstrip(".")
        own, _ = fields.below(info)
        if own is None or here in SAFE:
            yield here
        if own is not None:
            yield from paths(own, here)


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for key, info in fields.known(model).items():
        own, _ = fields.below(info)
        if own is not None and own.model_fields:
            yield from _sections(own, f"{path}.{key}".lstrip("."))


def _preset_rows() -> Iterator[str]:
    for section, keys in PRESETS["standard"].items():
        for key in keys:
            values = " | ".join(f"`{json.dumps(preset[section][key])}`" for preset in PRESETS.values())
            yield f"| `spec.{section}.{key}` | {values} |"


def _row(path: str, key: str, info: FieldInfo) -> str:
    here = f"{path}.{key}".lstrip(".")
    why = SAFE.get(here, "")
    return f"| `{key}` | {_kind(info)} | {_default(here, info)} | {info.description or ''} | {why} |\n"


def _default(path: str, info: FieldInfo) -> str:
    section, _, key = path.removeprefix("spec.").rpartition(".")
    if schema.preset_words(section, key):
        return "by preset"
    special = {
        "spec.octopus.version": "`2026.4.7000`",
        "spec.octopus.administrator.email": "`admin@` and the host",
        "spec.nodes.roles": "`both` for every node",
        "spec.storage.backend": "`gateway` on AWS, `azure_files` on Azure",
        "spec.storage.protocol": "`nfs` on a gateway, `smb` elsewhere",
        "spec.ingress.host": "the name and `.octopus.internal`",
        "spec.ingress.allow": "`[10.0.0.0/8]`",
        "spec.network.cidr": "`10.64.0.0/20`",
    }
    if path in special:
        return special[path]
    if fields.below(info)[0] is not None and info.default is not None and not isinstance(info.default, str):
        return "see below" if fields.known(fields.models(info.annotation)[0]) else "`{}`"
    if info.is_required():
        return "**needed**"
    value = info.get_default(call_default_factory=True)
    return "none" if value is None else f"`{json.dumps(value)}`"


def _kind(info: FieldInfo) -> str:
    """Return what a value may be, in words."""
    limits = {name: getattr(item, name) for item in info.metadata for name in ("ge", "le") if hasattr(item, name)}
    text = _words(info.annotation)
    return f"{text}, {limits['ge']} to {limits['le']}" if {"ge", "le"} <= set(limits) else text


def _words(annotation: object) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return ""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if isinstance(annotation, types.UnionType) or origin is typing.Union:
        return " or ".join(text for text in map(_words, arguments) if text)
    if origin is typing.Annotated:
        limits = {name: getattr(item, name, None) for item in _limits(arguments[1:]) for name in ("ge", "le")}
        text = _words(arguments[0])
        return f"{text}, {limits['ge']} to {limits['le']}" if limits.get("ge") is not None else text
    plain = {str: "text", int: "whole number", bool: "`true` or `false`"}
    if isinstance(annotation, type) and annotation in plain:
        return plain[annotation]
    return "list" if origin is tuple else "names and texts"


def _limits(metadata: tuple[object, ...]) -> Iterator[object]:
    for item in metadata:
        yield from getattr(item, "metadata", ())


def _sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
