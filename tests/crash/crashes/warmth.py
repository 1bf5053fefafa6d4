"""Loads what a run needs once, in a process that stays without threads, so that forks of it start warm."""

from __future__ import annotations

import gc
import importlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cellctl.state.checkpoint import Checkpoint
from cellctl.state.sealing import PassphraseSealer, Vault
from cellctl_sandbox.access import SandboxCredentials
from cellctl_sandbox.engine.core import Engine, Inline, Target
from cellctl_sandbox.host import open_host

MODULES = (
    "_strptime", "cellctl.engine.automation", "cellctl.engine.child", "cellctl.guard", "cellctl.run.down",
    "cellctl.run.refresh", "cellctl.run.up", "cellctl.spec.reading", "cellctl.verify.database",
    "cellctl.verify.entries", "cellctl.verify.nodes", "cellctl.verify.outputs", "cellctl_provider.aws.file_gateway",
    "cellctl_provider.aws.secrets_manager", "cellctl_provider.aws.share_access", "cellctl_provider.hosts.plugin",
    "cellctl_provider.octopus.administrator", "cellctl_provider.octopus.machines",
    "cellctl_provider.octopus.master_key", "cellctl_provider.octopus.node", "cellctl_provider.reading",
    "cellctl_provider.sql.cell_database", "cellctl_sandbox.engine.command", "cellctl_sandbox.service_faults",
    "cellctl_sandbox.standins.aws_endpoint", "cellctl_sandbox.standins.balancers", "cellctl_sandbox.standins.dialer",
    "cellctl_sandbox.standins.octopus.standin", "cellctl_sandbox.standins.run_command",
    "cellctl_sandbox.standins.run_command.managed", "cellctl_sandbox.standins.run_command.runs",
    "cellctl_sandbox.standins.run_command.systems_manager", "cellctl_sandbox.standins.secret_stores",
    "cellctl_sandbox.standins.storage_gateway", "cellctl_sandbox.standins.tds.server",
    "cellctl_sandbox.standins.tds.standin", "cryptography.hazmat.backends.openssl.backend", "encodings.ascii",
    "encodings.idna", "grpc._channel", "grpc._interceptor", "grpc._server", "grpc.experimental",
    "anyio", "cellctl.registry.claims", "cellctl.registry.inventory", "cellctl.registry.migrating",
    "cellctl.registry.recording", "cellctl.registry.survey", "cellctl.run.survey", "cellctl.verify.buckets", "h11",
    "httpcore", "importlib.resources.readers", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite",
    "sqlglot.dialects.tsql",
)  # fmt: skip
TYPES = (("pulumi_aws.ebs", "Volume"), ("pulumi_aws.rds", "Instance"), ("pulumi_aws.secretsmanager", "Secret"))
"""Types of the landscape: the SDK loads a service when one of it is asked for."""


def load(home: Path, cell: str, cloud: str, program: Callable[[], None]) -> None:
    """Import everything, preview `program` once, and freeze what that has made."""
    for name in MODULES:
        importlib.import_module(name)
    for service, name in TYPES:
        getattr(importlib.import_module(service), name)
    host = open_host(home=home, cell=cell, cloud=cloud, clock="stepped")
    stack = f"cell-{cell}"
    target = Target(
        project="octopus-cells",
        stack=stack,
        checkpoint=Checkpoint(stack=f"organization/octopus-cells/{stack}", fresh=True),
        vault=Vault(PassphraseSealer.fresh("warm")),
        save=lambda _text: None,
    )
    result = Engine(host.providers()).run("preview", target, Inline(program))
    assert result.succeeded, result.said
    host.close()
    session = SandboxCredentials(None, None, None, permitted=lambda *_: "").aws("eu-west-1")  # type: ignore[arg-type]
    for service in ("storagegateway", "secretsmanager", "ssm"):
        session.client(service, endpoint_url="http://127.0.0.1:1")
    while threading.active_count() > 1:  # the clock's keeper leaves by itself
        time.sleep(0.05)
    gc.collect()
    gc.freeze()
