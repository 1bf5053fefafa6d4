"""Fakes for tests of programs that use cellctl: public, documented, without a sandbox.

from cellctl.testing import FakeCli

cli = FakeCli(tmp_path / "bin")               # an executable named `pulumi`
cli.plays("preview", events=["…one JSON event a line…"])
cell.preview(options=RunOptions(engine="pulumi", environment={"PATH": str(cli.folder)}))
assert [call.words[0] for call in cli.calls()] == ["version", "preview", …]
"""

from cellctl.testing.azure_devops import FakeAzureDevOps
from cellctl.testing.fake_cli import Call, FakeCli
from cellctl.testing.github import FakeGitHub
from cellctl.testing.gitlab import FakeGitLab
from cellctl.testing.loopback import Limited
from cellctl.testing.objects import FolderObjects

__all__ = ["Call", "FakeAzureDevOps", "FakeCli", "FakeGitHub", "FakeGitLab", "FolderObjects", "Limited"]
