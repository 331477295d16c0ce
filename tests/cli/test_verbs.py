"""The verbs beside `invoke` and `validate`, and what is said about a wrong one."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

import llm_orc as package
from llm_orc.cli.main import VERBS
from tests.servers.faulty import Reply

from .command_line import CommandLine, Done, agent, closed_port, script

HELPFUL = [
    *((verb,) for verb in VERBS),
    *[("models", "list"), ("models", "show"), ("models", "check"), ("config", "show")],
    *[("runs", verb) for verb in ("list", "show", "events", "export", "prune")],
]
WRONG = {
    ("invok",): "error: there is no verb 'invok'\nhint: did you mean invoke?\n",
    ("zzzz",): "error: there is no verb 'zzzz'\nhint: see llm-orc --help\n",
    ("models", "lst"): "error: No such command 'lst'",
    ("invoke",): "error: Missing argument 'ENSEMBLE'\nhint: see llm-orc invoke --help\n",
    ("invoke", "x", "--qiet"): "did you mean --quiet?\n",
    ("--versoin",): "did you mean --version?\n",
}

IGNORED = ".llm-orc/runs.db*\n.llm-orc/cache.db*\n.llm-orc/embeddings/\n.llm-orc/optimize/\n"


@pytest.fixture
def drawn(llm_orc: CommandLine) -> CommandLine:
    """Two agents, one name of which means something in every language."""
    llm_orc.ensemble(agent('a"<b>#&'), script("last", "print(1)", depends_on=['a"<b>#&']))
    return llm_orc


def catalogue(llm_orc: CommandLine, **urls: str) -> None:
    entries = {name: {"provider": "openai", "name": name, "base_url": url} for name, url in urls.items()}
    llm_orc.file("models.yaml", json.dumps({"models": entries}))


def test_a_graph_is_drawn_as_text(drawn):
    assert drawn("graph", "e.yaml").stdout == (
        'e: 2 agents in 2 layers\n1  a"<b>#&  scripted/m\n2  last     script      <- a"<b>#&  => output\n'
    )


def test_a_graph_is_drawn_for_mermaid_with_its_labels_escaped(drawn):
    assert drawn("graph", "e.yaml", "--format", "mermaid").stdout == (
        'flowchart TD\n    a0["a#quot;#lt;b#gt;#35;#amp;<br/>scripted/m"]\n    a1["last<br/>script"]\n'
        "    a0 --> a1\n"
    )


def test_a_graph_is_printed_as_json(drawn):
    graph = json.loads(drawn("graph", "e.yaml", "--format", "json").stdout)
    assert graph["layers"] == [['a"<b>#&'], ["last"]]
    assert graph["agents"]["last"] == {
        "layer": 2, "depends_on": ['a"<b>#&'], "served_by": "script", "output": True, "kind": "script",
        "box": {"x": 85.0, "y": 142.0, "width": 104.0, "height": 48.0, "row": 1},
    }  # fmt: skip
    assert [(edge["from"], edge["to"]) for edge in graph["edges"]] == [('a"<b>#&', "last")]
    assert graph["edges"][0]["points"] == [[85.0, 72.0], [85.0, 118.0]]


def test_a_graph_is_drawn_for_graphviz_with_its_labels_escaped(drawn):
    assert drawn("graph", "e.yaml", "--format", "dot").stdout == (
        'digraph "e" {\n    node [shape=box, style=rounded, fontname="sans-serif"];\n'
        '    a0 [label="a\\"<b>#&\\nscripted/m", color="#4c5be0"];\n'
        '    a1 [label="last\\nscript", color="#0c8565", penwidth=2];\n    a0 -> a1;\n}\n'
    )


def test_a_graph_is_drawn_as_svg_into_a_file(drawn):
    done = drawn("graph", "e.yaml", "--format", "svg", "--output", "e.svg")
    assert (done.returncode, done.stdout) == (0, "")
    names = [text.text for text in ElementTree.parse(drawn.folder / "e.svg").iterfind(".//{*}text")]
    assert names == ["e", 'a"<b>#&', "scripted/m", "last", "script"]


@pytest.mark.parametrize("kind", ["ensemble", "models", "config"])
def test_a_schema_is_printed_as_json(llm_orc, kind):
    schema = json.loads(llm_orc("schema", kind).stdout)
    assert (schema["$schema"], schema["type"]) == ("http://json-schema.org/draft-07/schema#", "object")


def test_init_makes_a_project_without_problems(llm_orc):
    done = llm_orc("init", "p")
    assert (done.returncode, done.stdout) == (0, "")
    assert "next: cd p && llm-orc invoke hello" in done.stderr
    project = CommandLine(llm_orc.folder / "p", llm_orc.folder)
    files = "hello", ".llm-orc/config.yaml", "ensembles"
    assert project("validate", *files).stderr == "3 files checked: no problems\n"
    assert (project.folder / ".gitignore").read_text() == IGNORED
    assert project("graph", "hello").stdout.startswith("hello: 2 agents in 1 layer\n")


def test_init_keeps_what_is_there(llm_orc):
    llm_orc.file(".llm-orc/config.yaml", "concurrency: 3\n")
    llm_orc.file(".gitignore", "dist")
    for _ in range(2):
        assert "kept  .llm-orc/config.yaml" in llm_orc("init").stderr
    assert (llm_orc.folder / ".llm-orc/config.yaml").read_text() == "concurrency: 3\n"
    assert (llm_orc.folder / ".gitignore").read_text() == f"dist\n{IGNORED}"


def test_init_where_a_file_is_in_the_way_is_an_error(llm_orc):
    llm_orc.file("p/.llm-orc", "")
    done = llm_orc("init", "p")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert done.stderr.startswith("error: cannot write p/.llm-orc/config.yaml: ")


@pytest.mark.parametrize("name", ["summaries", "review/code", "ünï.2", "007", "null.yaml"])
def test_new_writes_a_file_without_problems_that_runs(llm_orc, name):
    assert llm_orc("new", name).returncode == 0
    assert llm_orc("validate", name.removesuffix(".yaml")).stderr == "1 file checked: no problems\n"
    assert llm_orc("invoke", name.removesuffix(".yaml"), "why?", "--model", "scripted/m").stdout.startswith(
        "Question: why?"
    )


def test_new_overwrites_nothing(llm_orc):
    kept = llm_orc.file("ensembles/x.yaml", "mine")
    done = llm_orc("new", "x")
    assert (done.returncode, kept.read_text()) == (2, "mine")
    assert done.stderr.startswith("error: ensembles/x.yaml is there already\nhint: ")


def test_new_refuses_names_that_are_none(llm_orc):
    names = ["../x", "a/../../x", "/tmp/x", "", ".", "..", "a b", "a\nb", 'a"b', "a/", "-a"]
    done = llm_orc.together(("new", "--", name) for name in names)
    for (_, _, name), refused in done.items():
        assert (refused.returncode, "is not a name for an ensemble\nhint: " in refused.stderr) == (2, True), (
            name
        )
    assert llm_orc.files() == set()


def test_models_are_listed(llm_orc):
    catalogue(llm_orc, mine="http://127.0.0.1:9/v1")
    entry = json.loads(llm_orc("models", "list", "--json").stdout)[-1]
    assert (entry["name"], entry["provider"], entry["default"]) == ("mine", "openai", False)
    header, *rows = llm_orc("models", "list").stdout.splitlines()
    assert header.split()[:4] == ["model", "provider", "at", "context"]
    assert rows[-1].split()[:3] == ["mine", "openai", "http://127.0.0.1:9/v1"]


def test_a_model_is_shown(llm_orc):
    assert json.loads(llm_orc("models", "show", "ollama/llama3", "--json").stdout)["wire_name"] == "llama3"
    assert re.search(r"^provider +ollama$", llm_orc("models", "show", "ollama/llama3").stdout, re.MULTILINE)


def test_an_unknown_model_is_an_error_of_use(llm_orc):
    done = llm_orc("models", "show", "tiny-larg")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: unknown model 'tiny-larg'\nhint: did you mean 'tiny-large'?\n"


@pytest.mark.parametrize(
    ("names", "code", "states"),
    [
        (["small"], 0, ["ok"]),
        (["gone"], 4, ["unreachable"]),
        (["small", "gone"], 1, ["ok", "unreachable"]),
        (["other"], 1, ["model_missing"]),
        (["gone", "other"], 1, ["unreachable", "model_missing"]),
    ],
)
def test_models_are_checked(llm_orc, faulty_server, names, code, states):
    url = faulty_server.openai_url
    catalogue(llm_orc, small=url, other=url, gone=closed_port())
    done = llm_orc("models", "check", *names, "--json")
    assert (done.returncode, done.stderr) == (code, "")
    assert [finding["state"] for finding in json.loads(done.stdout)] == states
    assert {request.path for request in faulty_server.received} <= {"/v1/models"}


def test_a_check_is_a_table_without_json(llm_orc, faulty_server):
    faulty_server.script(Reply(status=500))
    catalogue(llm_orc, small=faulty_server.openai_url)
    done = llm_orc("models", "check", "small")
    assert (done.returncode, done.stdout.splitlines()[1].split()[:2]) == (1, ["small", "server_failed"])


def test_settings_are_shown_with_where_they_come_from(llm_orc):
    llm_orc.file(".llm-orc/config.yaml", "# mine\nconcurrency: 3\n")
    done = llm_orc("config", "show", "--json", LLM_ORC_SCHEDULE="layered")
    shown = json.loads(done.stdout)
    assert shown["schedule"] == {"value": "layered", "source": "environment LLM_ORC_SCHEDULE"}
    assert shown["concurrency"] == {"value": 3, "source": f"{llm_orc.folder}/.llm-orc/config.yaml:2"}
    assert shown["timeout_seconds"] == {"value": None, "source": "default"}
    table = llm_orc("config", "show", LLM_ORC_SCHEDULE="layered").stdout
    assert re.search(r"^schedule +layered +environment LLM_ORC_SCHEDULE$", table, re.MULTILINE)


def test_the_projects_settings_win_over_the_users(llm_orc):
    home = CommandLine(llm_orc.folder.parent / "home", llm_orc.folder)
    home.file("config/llm-orc/config.yaml", "concurrency: 1\ntimeout_seconds: 9\n")
    llm_orc.file(".llm-orc/config.yaml", "concurrency: 3\n")
    shown = json.loads(llm_orc("config", "show", "--json").stdout)
    assert (shown["concurrency"]["value"], shown["timeout_seconds"]["value"]) == (3, 9)
    assert shown["timeout_seconds"]["source"].endswith("/llm-orc/config.yaml:2")


@pytest.mark.parametrize("verb", [("config", "show"), ("invoke", "quickstart"), ("models", "list")])
def test_a_wrong_setting_is_named_with_its_place(llm_orc, verb):
    llm_orc.file(".llm-orc/config.yaml", "concurency: 3\n")
    done = llm_orc(*verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert "config.yaml:1:1: unknown key 'concurency' (did you mean 'concurrency'?)" in done.stderr


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Done]:
    folder = tmp_path_factory.mktemp("empty")
    commands = [*((*verb, "--help") for verb in HELPFUL), *WRONG]
    return CommandLine(folder, folder).together(commands)


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_word_gets_a_suggestion(said, arguments):
    done = said[arguments]
    assert (done.returncode, done.stdout) == (2, "")
    assert WRONG[arguments] in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("verb", HELPFUL, ids=" ".join)
def test_every_verb_has_help_with_an_example(said, verb):
    done = said[*verb, "--help"]
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"^ +Examples?:\n    llm-orc {' '.join(verb)}", done.stdout, re.MULTILINE)


def test_help_lists_every_verb_and_the_version_is_the_packages(llm_orc):
    assert all(f"  {verb} " in llm_orc("--help").stdout for verb in ["invoke", "schema"])
    assert package.__version__ in llm_orc("--version").stdout


def test_an_ensemble_is_drawn_without_a_model(llm_orc):
    done = llm_orc("graph", "decision")
    assert done.returncode == 0, done.stderr
    assert "default model" in done.stdout
