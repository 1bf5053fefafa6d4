"""Provider `cellctl` as the real CLI starts it in a real account: by its launcher, over gRPC."""

from __future__ import annotations

import subprocess
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

from cellctl_provider.plugin import install
from cellctl_provider.provider import VERSION


def test_its_launcher_serves_it_until_the_engine_is_gone(tmp_path: Path) -> None:
    install(tmp_path)
    launcher = tmp_path / "plugins" / f"resource-cellctl-v{VERSION}" / "pulumi-resource-cellctl"
    assert launcher.stat().st_mode & 0o777 == 0o700
    before = launcher.stat().st_mtime_ns
    install(tmp_path)
    assert launcher.stat().st_mtime_ns == before
    words = [launcher, "127.0.0.1:1"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            asked = provider_pb2_grpc.ResourceProviderStub(channel)
            assert asked.GetPluginInfo(empty_pb2.Empty(), timeout=30).version == VERSION
        process.stdin.close()
        assert process.wait(30) == 0
