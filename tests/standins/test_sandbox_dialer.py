"""The sandbox's dialer and certificate authority: what a client meets where nothing is served, and whom it trusts."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from cellctl.dialer import Route
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.dialer import SandboxDialer
from cellctl_sandbox.standins.web import Listener, Request, Response


class Page:
    """Serves one name."""

    def __init__(self, authority: Authority) -> None:
        self.listener = Listener(self.answer, tls=authority.context_by_server_name("page.example.com"))
        self.anchor = authority.trust_anchor

    def answer(self, request: Request) -> Response:
        if request.path == "/fails":
            raise RuntimeError("a mistake of the stand-in")
        return Response(body=request.headers.get("host", "").encode(), content_type="text/plain")

    def route(self, name: str, port: int) -> Route | None:
        if (name, port) != ("page.example.com", 443):
            return None
        here = self.listener.port
        return Route(host="127.0.0.1", port=here, url=f"https://127.0.0.1:{here}", trust_anchor=self.anchor)

    def names(self) -> Sequence[tuple[str, int, str]]:
        return [("page.example.com", 443, "Octopus Server on node page")]

    def close(self) -> None:
        self.listener.close()


def refused(route: Route) -> bool:
    try:
        socket.create_connection((route.host, route.port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_name_nobody_serves_refuses_connections() -> None:
    dialer = SandboxDialer([Page(Authority())])
    assert refused(dialer.route("unknown.example.com", 443))
    assert refused(dialer.route("page.example.com", 80))
    assert not refused(dialer.route("page.example.com", 443))
    dialer.close()
    assert refused(dialer.route("page.example.com", 443))


def test_what_is_served_comes_with_a_command_to_try() -> None:
    dialer = SandboxDialer([Page(Authority())])
    (served,) = dialer.served()
    assert (served.name, served.port) == ("page.example.com", 443)
    assert served.try_it == f"curl -k {served.route.url}/api/octopusservernodes/ping"
    dialer.close()


def test_only_the_sandboxs_authority_is_trusted_and_only_for_the_name() -> None:
    page = Page(Authority())
    context = ssl.create_default_context(cadata=page.anchor)
    url = f"https://127.0.0.1:{page.listener.port}"
    with httpx.Client(verify=context, trust_env=False) as client:
        answer = client.get(url, headers={"Host": "a.example.com"}, extensions={"sni_hostname": "a.example.com"})
        assert answer.text == "a.example.com"
        assert client.get(url + "/fails", extensions={"sni_hostname": "a.example.com"}).status_code == 500
    stranger = ssl.create_default_context(cadata=Authority().trust_anchor)
    with httpx.Client(verify=stranger, trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(url, extensions={"sni_hostname": "a.example.com"})
    page.close()


def test_stand_ins_listen_on_loopback_only() -> None:
    listener = Listener(lambda request: Response())
    assert listener._server.server_address[0] == "127.0.0.1"
    listener.close()


def test_a_home_has_one_authority_whose_key_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "standins"
    script = (
        "import sys; from pathlib import Path; from cellctl_sandbox.standins.authority import Authority; "
        "print(Authority(Path(sys.argv[1])).trust_anchor)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    anchors = {process.communicate(timeout=60)[0].strip() for process in both}
    assert anchors == {Authority(folder).trust_anchor.strip()}
    assert stat.S_IMODE((folder / "authority.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [item.name for item in folder.iterdir()] == ["authority.pem"]
