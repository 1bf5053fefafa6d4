"""Provider cellctl signs in to Azure as its application, with the token that this machine was given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from cellctl_provider import credentials
from cellctl_provider.credentials import FederatedCredentials
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.standins.web import Listener, Request, Response, json_response

TENANT, CLIENT = "66666666-7777-4888-8999-000000000000", "aaaaaaaa-0000-4000-8000-000000000001"
VARIABLES = {"cellctl:config:azureTenant": TENANT, "cellctl:config:azureClient": CLIENT}


class Entra:
    """Exchanges the token `proof` of one application; each answer is another token, good for `seconds`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.seconds = 3600

    def answer(self, request: Request) -> Response:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        self.asked.append((request.path, form["scope"]))
        if (form["client_assertion"], form["client_id"]) != ("proof", CLIENT):
            return json_response({"error": "invalid_client"}, status=401)
        return json_response({"access_token": f"token-{len(self.asked)}", "expires_in": self.seconds})


@pytest.fixture
def entra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    made = Entra()
    serving = Listener(made.answer)
    (tmp_path / "assertion").write_text("proof\n")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "assertion"))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"http://127.0.0.1:{serving.port}")
    yield made
    serving.close()


def test_a_token_is_kept_for_its_audience_until_shortly_before_its_end(entra: Entra) -> None:
    found = FederatedCredentials(VARIABLES)
    assert [found.azure_token("https://vault.azure.net/") for _ in range(2)] == ["token-1"] * 2
    assert found.azure_token("https://database.windows.net/") == "token-2"
    entra.seconds = 200  # less than a call may take
    assert [FederatedCredentials(VARIABLES).azure_token("https://vault.azure.net/") for _ in range(2)] == [
        "token-3", "token-4"
    ]  # fmt: skip
    short = FederatedCredentials(VARIABLES)
    assert short.azure_token("https://vault.azure.net/") != short.azure_token("https://vault.azure.net/")
    assert entra.asked[0] == (f"/{TENANT}/oauth2/v2.0/token", "https://vault.azure.net/.default")
    assert entra.seconds < credentials._EARLY_S


def test_who_it_is_and_what_proves_it_must_be_there(
    entra: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProviderError, match="set azureTenant and azureClient") as refused:
        FederatedCredentials({}).azure_token("https://vault.azure.net/")
    assert (refused.value.code, entra.asked) == ("auth", [])
    (tmp_path / "assertion").write_text("another's")
    with pytest.raises(ProviderError, match=r"cannot sign in to https://vault.azure.net/: 127.0.0.1 answers 401") as no:
        FederatedCredentials(VARIABLES).azure_token("https://vault.azure.net/")
    assert "another's" not in str(no.value)
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    with pytest.raises(ProviderError, match="AZURE_FEDERATED_TOKEN_FILE is not set"):
        FederatedCredentials(VARIABLES).azure_token("https://vault.azure.net/")
    with pytest.raises(ProviderError, match="on its nodes only"):
        FederatedCredentials(VARIABLES).azure_token_of("id-oct-acme", "https://database.windows.net/")


def test_a_job_on_github_asks_for_the_token_that_proves_it(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def give(request: Request) -> Response:
        asked.append((request.path, request.query.get("audience", "")))
        if request.headers.get("authorization") != "Bearer of-the-job":
            return json_response({"message": "no"}, status=401)
        return json_response({"value": "proof"})

    serving = Listener(give)
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{serving.port}/token?api-version=2.0")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
    assert FederatedCredentials(VARIABLES).azure_token("https://vault.azure.net/") == "token-1"
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-another")
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1 answers 401") as refused:
        FederatedCredentials(VARIABLES).azure_token("https://vault.azure.net/")
    serving.close()
    assert "of-another" not in str(refused.value)
    assert asked[0] == ("/token", "api://AzureADTokenExchange")
