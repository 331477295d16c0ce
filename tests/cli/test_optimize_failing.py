"""Rows that fail are never wrong answers in silence: alone they end the search, else they are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.optimize.projects import colour_rows

from .command_line import CommandLine, served

METRICS = """\
def raises(row, output):
    raise ValueError("boom")
def nan(row, output):
    return float("nan")
def text(row, output):
    return "good"
def stops(row, output):
    raise KeyboardInterrupt
async def later(row, output):
    raise RuntimeError("async boom")
def sometimes(row, output):
    if "1" in row.inputs["input"]:
        raise KeyError("x")
    return output == row.expected
"""
OPTIMIZE = ("optimize", "e.yaml", "--trainset", "rows.jsonl", "--optimizer", "labeled", "--quiet")


@pytest.fixture
def coloured(llm_orc: CommandLine) -> CommandLine:
    model = {"provider": "scripted", "name": "m"}
    llm_orc.ensemble({"name": "a", "model": model, "options": {"answers": ["red"]}})
    llm_orc.file("rows.jsonl", "\n".join(json.dumps(row) for row in colour_rows(60)))
    llm_orc.file("mf.py", METRICS)
    return llm_orc


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("mf.py:raises", "mf.py:raises failed at mf.py:2: ValueError: boom"),
        ("mf.py:nan", "mf.py:nan (mf.py:3) gave no score: nan"),
        ("mf.py:text", "mf.py:text (mf.py:5) gave no score: good"),
        ("mf.py:stops", "mf.py:stops failed at mf.py:8: KeyboardInterrupt"),
        ("mf.py:later", "mf.py:later failed at mf.py:10: RuntimeError: async boom"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--tune", "temperature"]], ids=["prompts", "settings"])
def test_a_metric_that_scores_no_row_ends_it_with_two(
    metric: str, said: str, flags: list[str], coloured: CommandLine
):
    command = OPTIMIZE if not flags else (*OPTIMIZE[:4], *flags, "--quiet")

    done = coloured(*command, "--metric", metric)

    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: all ")
    assert f"validation rows failed: {said}" in error
    assert "no candidate beat" not in done.stdout
    assert "Traceback" not in done.stderr


def test_a_judge_that_gives_no_score_ends_it_with_two(coloured: CommandLine):
    judge = {"name": "j", "model": {"provider": "scripted", "name": "j"}, "options": {"answers": ["perhaps"]}}
    coloured.ensemble(judge, file="judge.yaml")

    done = coloured(*OPTIMIZE, "--metric", "judge:judge.yaml")

    assert done.returncode == 2
    assert "validation rows failed: the judge gave no score: 'perhaps'" in done.stderr


class _Refusing(BaseHTTPRequestHandler):
    status = 400

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        reply = json.dumps({"error": {"message": "boom"}}).encode()
        self.send_response(type(self).status)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(params=[400, 404])
def refusing(request: pytest.FixtureRequest) -> Iterator[str]:
    kind = type("Refusing", (_Refusing,), {"status": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_a_server_that_refuses_everything_ends_it(refusing: str, coloured: CommandLine):
    coloured.ensemble(served(refusing))

    done = coloured(*OPTIMIZE)

    assert done.returncode == 1
    assert "boom" in done.stderr
    assert "no candidate beat" not in done.stdout


def test_rows_that_fail_among_others_are_counted_and_said(coloured: CommandLine):
    done = coloured(*OPTIMIZE, "--metric", "mf.py:sometimes")

    cause = "mf.py:sometimes failed at mf.py:13: KeyError: 'x'"
    assert f"validation rows before failed and count 0: {cause}" in done.stdout
    (folder,) = coloured.folder.glob(".llm-orc/optimize/*")
    assert cause in (folder / "report.md").read_text(encoding="utf-8")
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["failed"][0]["cause"] == cause
    assert 0 < report["failed"][0]["failed"] < report["failed"][0]["of"]


def test_an_agent_with_several_wordings_is_left_alone_and_the_others_are_not(coloured: CommandLine):
    model = {"model": {"provider": "scripted", "name": "m"}, "options": {"answers": ["red"]}}
    variants = [{"name": "x", "system_prompt": "Hi"}, {"name": "y", "system_prompt": "Ho"}]
    several = {"name": "v", **model, "variants": variants}
    coloured.ensemble(several, {"name": "a", **model, "depends_on": ["v"]})

    done = coloured(*OPTIMIZE, "--json")

    assert done.returncode == 0, done.stderr
    assert "note: agent 'v' has several wordings and stays as it is" in done.stderr
    assert json.loads(done.stdout)["agents"] == ["a"]

    for flags in (["--agents", "v"], []):
        coloured.ensemble(*([several, {"name": "a", **model}] if flags else [several]))
        refused = coloured(*OPTIMIZE, *flags)
        assert refused.returncode == 2
        assert "there is no one prompt to make better" in refused.stderr
