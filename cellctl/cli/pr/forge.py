"""Which pull request this run is about, and with whose token: what a forge's CI puts into the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import UsageError

if TYPE_CHECKING:
    import httpx

    from cellctl.cli.pr.options import ForgeName
    from cellctl.pull_request.azure_devops import AzureDevOps
    from cellctl.pull_request.github import GitHub, PullRequest
    from cellctl.pull_request.gitlab import GitLab
    from cellctl.pull_request.ports import Forge

_LARGEST_EVENT = 10_000_000


def forge_of(name: ForgeName, number: int, commit: str) -> Forge:
    """Return the pull request that this run is about; errors as in `github`."""
    from cellctl.cli.pr.options import ForgeName

    made: Mapping[ForgeName, Callable[[int, str], Forge]] = {
        ForgeName.GITHUB: github,
        ForgeName.GITLAB: gitlab,
        ForgeName.AZURE_DEVOPS: azure_devops,
    }
    return made[name](number, commit)


def azure_devops(number: int, commit: str) -> AzureDevOps:
    """Return the pull request on Azure DevOps that this build is about; `number` and `commit` win over the build's.

    Raises:
        UsageError: No token, no organisation, or no pull request is named (code `no_pull_request`).
    """
    from cellctl.pull_request.azure_devops import AzureDevOps, AzurePullRequest, client

    token, organisation = (os.environ.get(name, "") for name in ("SYSTEM_ACCESSTOKEN", "SYSTEM_COLLECTIONURI"))
    if not token:
        hint = "env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)} in the pipeline's step"
        raise UsageError("SYSTEM_ACCESSTOKEN is not set", hint=hint, code="no_token")
    told = os.environ.get("SYSTEM_PULLREQUEST_PULLREQUESTID", "")
    named = number or (int(told) if told.isdigit() else 0)
    if not named or not organisation:
        hint = "run it in a build validation of the branch, or say --pull-request NUMBER"
        raise UsageError("which pull request? This build is for none", hint=hint, code="no_pull_request")
    of = AzurePullRequest(
        project=os.environ.get("SYSTEM_TEAMPROJECTID", ""),
        repository=os.environ.get("BUILD_REPOSITORY_ID", ""),
        number=named,
        commit=commit or os.environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID", ""),
    )
    return AzureDevOps(http=client(token, organisation=organisation), of=of)


def gitlab(number: int, commit: str) -> GitLab:
    """Return the merge request on GitLab that this pipeline is about; `number` and `commit` win over the pipeline's.

    Raises:
        UsageError: No token, or no merge request is named (code `no_pull_request`).
    """
    from cellctl.pull_request.gitlab import GitLab, MergeRequest, client

    token = os.environ.get("GITLAB_TOKEN", "")
    if not token:
        hint = "a project access token with scope api, as a masked variable; CI_JOB_TOKEN may not comment"
        raise UsageError("GITLAB_TOKEN is not set", hint=hint, code="no_token")
    told = os.environ.get("CI_MERGE_REQUEST_IID", "")
    named = number or (int(told) if told.isdigit() else 0)
    head = commit or os.environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or os.environ.get("CI_COMMIT_SHA", "")
    if not named:
        hint = "run it in a merge request pipeline, or say --pull-request NUMBER"
        raise UsageError("which merge request? This pipeline is for none", hint=hint, code="no_pull_request")
    http = client(token, api=os.environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4")
    of = MergeRequest(project=os.environ.get("CI_PROJECT_ID", ""), number=named, commit=head)
    return GitLab(http=http, of=of)


def github(number: int, commit: str) -> GitHub:
    """Return the pull request on GitHub that this run is about.

    `number` and `commit` win over the event; 0 and `` take the event's. In a `workflow_run` the number is asked of
    GitHub, by the branch and commit that started it, never taken from an artifact.

    Raises:
        UsageError: No token, no repository, or no pull request is named (code `no_pull_request`).
        ForgeError: GitHub refuses.
    """
    from cellctl.pull_request.github import GitHub, PullRequest, client

    token = os.environ.get("GITHUB_TOKEN", "")
    if not token:
        hint = "env: {GITHUB_TOKEN: ${{ github.token }}} in the workflow's step"
        raise UsageError("GITHUB_TOKEN is not set", hint=hint, code="no_token")
    http = client(token, api=os.environ.get("GITHUB_API_URL") or "https://api.github.com")
    event = _event()
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    if number and commit:
        return GitHub(http=http, of=PullRequest(repository=repository, number=number, commit=commit))
    if "workflow_run" in event and not number:
        return GitHub(http=http, of=_of_run(http, repository, _at(event, "workflow_run")))
    found = _at(event, "pull_request")
    named = number or _number(found.get("number"))
    head = commit or str(_at(found, "head").get("sha") or "")
    if not named or not head:
        raise UsageError(
            "which pull request? This run is for none",
            hint="run it for the event `pull_request`, or say --pull-request NUMBER and --head COMMIT",
            code="no_pull_request",
        )
    return GitHub(http=http, of=PullRequest(repository=repository, number=named, commit=head))


def home_folder(home: Path | None) -> str:
    """Return the folder of a home in its repository, by which its comment is found; `.` outside of any repository."""
    from cellctl.cli.place import open_home
    from cellctl.pull_request.repository import Repository

    try:
        return Repository.of(open_home(home).root, os.environ).home
    except UsageError:
        return "."


def write_summary(text: str) -> None:
    """Add to the job's summary where GitHub Actions wants one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


def _of_run(http: httpx.Client, repository: str, run: Mapping[str, object]) -> PullRequest:
    from cellctl.pull_request.github import find_pull_request

    owner = _at(_at(run, "head_repository"), "owner").get("login")
    branch, commit = run.get("head_branch"), run.get("head_sha")
    return find_pull_request(http, repository, owner=str(owner), branch=str(branch), commit=str(commit))


def _event() -> Mapping[str, object]:
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    try:
        with Path(path).open("rb") as file:
            found: object = json.loads(file.read(_LARGEST_EVENT))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _at(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
