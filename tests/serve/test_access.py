"""Who gets in, what a browser is told, and what nobody can do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from llm_orc.serve.access import LARGEST_BODY, Access, is_local
from llm_orc.serve.peers import is_stranger
from tests.cli.command_line import agent

from .server import Server, serving

TOKEN = "0123456789abcdef-token"


@pytest.fixture
def run(project, server: Server) -> str:
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    return str(server.runs()[0]["run_id"])


def test_every_answer_says_what_a_browser_may_do(server, run):
    for path in ("/", f"/runs/{run}", "/assets/page.js", "/api/runs", "/nowhere", f"/api/runs/{run}/events"):
        headers = server(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in headers


def test_a_name_that_is_not_ours_is_refused(server):
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::1"):
        assert server("/api/runs", Host=host).status in (400, 421), host
    for host in ("localhost", f"LOCALHOST:{server.port}", "127.0.0.1:9", "[::1]:80"):
        assert server("/api/runs", Host=host).status == 200, host


def test_two_hosts_or_none_are_refused(server):
    for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
            link.sendall(b"GET /api/runs HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
            assert link.makefile("rb").readline().split()[1] in (b"400", b"421")


def test_a_page_of_another_site_can_neither_act_nor_read(server, run):
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://localhost:{server.port + 1}"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"},
    ):
        for path, method in ((f"/api/runs/{run}/cancel", "POST"), ("/api/runs", "GET")):
            answer = server(path, method, Host=f"localhost:{server.port}", **headers)
            assert (answer.status, answer.json["error"]["kind"]) == (403, "forbidden"), headers
    own = {"Host": f"localhost:{server.port}", "Origin": f"http://localhost:{server.port}"}
    assert (
        server(f"/api/runs/{run}/cancel", "POST", **own).json["error"]["message"].startswith("the run is not")
    )


def test_a_link_of_another_site_leads_to_pages_in_a_window_of_their_own_and_to_nothing_else(server, run):
    pages, others = ("/", f"/runs/{run}", f"/compare/{run}/{run}"), ("/api/runs", f"/api/runs/{run}/saved")
    for site in ("cross-site", "same-site"):
        linked = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate"}
        for path in (*pages, *others, "/assets/page.js"):
            assert server(path, **linked, Sec_Fetch_Dest="document").status == (200 if path in pages else 403)
            for dest in ("iframe", "frame", "embed", "object"):
                assert server(path, **linked, Sec_Fetch_Dest=dest).status == 403
            assert server(path, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors").status == 403
    own = {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert server(f"/api/runs/{run}/saved", **own).status == 200


def test_nothing_changes_by_get(server, run):
    for verb in ("cancel", "resume"):
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            assert server(f"/api/runs/{run}/{verb}", method).status == 405
    assert server("/api/runs", "POST").status == 405


def test_bodies_and_heads_are_bounded(server, run):
    path = f"/api/runs/{run}/cancel"
    assert server(path, "POST", b"x" * (LARGEST_BODY + 1)).status == 413
    assert server(path, "POST", Content_Length="-1").status in (400, 413)
    # It may hang up before all of it was sent.
    with suppress(ConnectionError):
        assert server("/api/runs", X_Long="x" * 1_000_000).status in (400, 431)
    assert server("/api/runs").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f__init__.py", "/assets/%2e%2e/access.py", "/assets/index.html", "/assets/.",
        "/assets//etc/passwd", "/assets/%00", "/assets/page.js%00", "/../pyproject.toml",
    ],
)  # fmt: skip
def test_only_the_files_of_the_page_are_served(server, path):
    assert server(path).status in (400, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs?limit=x", "/api/runs?limit=-1", "/api/runs?status=odd", "/api/runs?before=nope",
        "/api/runs/nope", "/api/runs/nope/stream", "/api/runs/last/events?after=1e9",
        "/api/runs/last/events/99",
        "/api/runs/last/events/0x1", "/api/runs/last/map?fold=odd", "/api/runs/%ff%00", "/api/runs/'--",
        "/api/runs/last/events?after=99999999999999999999",
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_clear_error(server, run, path):
    answer = server(path)
    # What is named is not there, or a parameter means nothing.
    assert answer.status == (404 if "nope" in path or path.endswith(("/99", "%00", "'--")) else 400)
    assert set(answer.json["error"]) == {"kind", "message", "hint"}


def test_a_token_is_asked_for_by_link_cookie_or_header(project):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    with serving(project, "--token", TOKEN) as server:
        assert server.link.endswith(f"?token={TOKEN}")
        for path in ("/api/runs", "/api/runs/last/stream"):
            refused = server(path)
            assert (refused.status, refused.json["error"]["kind"]) == (401, "token_needed")
        asked = server("/runs/last")
        assert asked.status == 401
        assert b"A token is needed" in asked.body
        for wrong in (TOKEN[:-1], TOKEN + "x", "", "é"):
            assert (
                server("/api/runs", Authorization=f"Bearer {wrong}".encode().decode("latin-1")).status == 401
            )
            assert server(f"/?token={wrong.encode().hex()}").status == 401
        assert server("/api/runs", Authorization=f"Bearer {TOKEN}").status == 200
        led = server(f"/runs/last?token={TOKEN}&x=1")
        assert (led.status, led.headers["location"]) == (303, "/runs/last?x=1")
        cookie = led.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert server("/api/runs", Cookie=cookie.split(";")[0]).status == 200
        assert server("/api/runs", Cookie=f"llm-orc-{server.port}=x").status == 401
        assert server(f"//evil.example/?token={TOKEN}").headers["location"] == "/evil.example/"
        assert server(f"/api/runs/last/cancel?token={TOKEN}", "POST").status == 401


def test_what_others_can_reach_has_a_token(project):
    with serving(project, "--host", "0.0.0.0") as server:
        assert server("/api/runs").status == 401
        token = server.link.partition("?token=")[2]
        assert len(token) >= 32
        assert server("/api/runs", Authorization=f"Bearer {token}", Host="192.0.2.7").status == 200
        assert server("/api/runs", Authorization=f"Bearer {token}", Host="evil.example").status == 421
    short = project("serve", "--token", "short")
    assert (short.returncode, short.stderr) == (
        2, "error: the token is too short: 5 of at least 16 characters\n",
    )  # fmt: skip


def test_what_others_can_reach_says_by_what_they_reach_it(project):
    with project.started("serve", "--host", "0.0.0.0", "--port", "0") as process:
        here, there = process.stdout.readline().strip(), process.stdout.readline().strip()
    assert here.startswith("http://127.0.0.1:")
    assert there.startswith("http://")
    assert there.rpartition(":")[2] == here.rpartition(":")[2]
    assert not there.startswith(("http://127.", "http://0."))


def test_a_journal_that_is_none_and_a_run_that_is_not_there_are_said_at_the_start(project):
    project.ensemble(agent("a", "yes"))
    project.file("models.yaml", "models: {}\n")
    wrong = project("serve", "--port", "0", "--runs", "models.yaml")
    assert (wrong.returncode, wrong.stdout) == (5, "")
    assert wrong.stderr.startswith("error: the journal of runs models.yaml: it is no file of SQLite\n")
    for last in ("no runs are recorded in ", "no run begins with 'nosuch' in "):
        missing = project("serve", "--port", "0", "--open", "nosuch")
        assert (missing.returncode, missing.stdout) == (2, "")
        assert missing.stderr.startswith(f"error: {last}")
        project("invoke", "e.yaml", "hi")


def test_a_port_that_is_taken_is_one_clear_error(project, server):
    done = project("serve", "--port", str(server.port))
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"error: cannot listen on 127.0.0.1 port {server.port}: the port is taken\n"
    )
    assert "--port 0" in done.stderr


def test_the_end_of_a_server_is_quiet(project):
    with project.started("serve", "--port", "0") as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0
        assert "error" not in process.stderr.read()


@pytest.mark.parametrize(("host", "local"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
    ("::", False), ("192.168.1.2", False), ("box", False),
])  # fmt: skip
def test_what_is_local_is_known(host, local):
    assert is_local(host) is local


def test_an_address_is_a_name_of_a_server_that_others_reach():
    access = Access(host="0.0.0.0", port=1, token="x" * 16)
    assert access.knows_host("10.1.2.3:1")
    assert access.knows_host(socket.gethostname())
    assert not access.knows_host("evil.example")


@pytest.mark.skipif(
    os.name != "posix" or sys.platform != "linux", reason="only Linux tells whose a connection is"
)
@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_another_user_of_this_machine_is_a_stranger(host, family):
    code = (
        "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])));"
        " print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with socket.socket(family) as listening:
        listening.bind((host, 0))
        listening.listen()
        here = listening.getsockname()[:2]
        for user, strange in ((65534, True), (0, False)):
            with subprocess.Popen(
                ["/usr/bin/env", "python3", "-c", code, host, str(here[1])],
                user=user, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
            ) as child:  # fmt: skip
                accepted, peer = listening.accept()
                with accepted:
                    assert is_stranger(peer[:2], here) is strange
                child.communicate(b"")
    assert not is_stranger(("127.0.0.1", 1), ("127.0.0.1", 2))
