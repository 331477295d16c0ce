"""The models at hand: layers of files, and what a name stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Fleet, Price
from llm_orc.errors import InvalidFile, NotFound, UsageFailed
from llm_orc.spec.catalogue import check_catalogue, load_fleet, resolve_model

EMBEDDED = {"tiny-small", "tiny-medium", "tiny-large", "tiny-extract", "tiny-classify"}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_the_embedded_models_are_always_there(tmp_path: Path) -> None:
    fleet = load_fleet(tmp_path, None)

    assert set(fleet.models) == EMBEDDED
    assert fleet.default is None
    model = fleet.models["tiny-large"]
    assert (model.provider, model.price, model.context) == (
        "llamacpp", Price(input_per_million=0, output_per_million=0), 512,
    )  # fmt: skip
    assert model.path is not None
    assert Path(model.path).is_absolute()


def test_later_layers_replace_earlier_ones(tmp_path: Path) -> None:
    user, project = tmp_path / "user", tmp_path / "project"
    _write(user / "models.yaml", "default: a\nmodels: {a: {provider: openai}, b: {provider: openai}}\n")
    _write(project / "models.yaml", "models: {b: {provider: ollama}, c: {provider: ollama}}\n")
    _write(project / ".llm-orc/models.yaml", "default: c\nmodels: {c: {provider: anthropic}}\n")

    fleet = load_fleet(project, user)

    assert {name: fleet.models[name].provider for name in "abc"} == {
        "a": "openai", "b": "ollama", "c": "anthropic",
    }  # fmt: skip
    assert fleet.default == "c"


def test_an_entry_is_read_in_full(tmp_path: Path) -> None:
    _write(
        tmp_path / "models.yaml",
        "models:\n  m:\n    provider: llamacpp\n    name: wire\n    path: models/m.gguf\n    context: 8192\n"
        "    vram_gb: 5.5\n    load_seconds: 4\n    price: {input: 1, output: 2}\n"
        "    capabilities: {reasoning: 1}\n    supports: [logprobs]\n    temperature: 0.5\n"
        "    stop: END\n    keep_alive: -1\n",
    )

    model = load_fleet(tmp_path, None).models["m"]

    assert (model.name, model.wire_name, model.path) == ("m", "wire", str(tmp_path / "models/m.gguf"))
    assert (model.context, model.vram_gb, model.load_seconds, model.keep_alive) == (8192, 5.5, 4.0, -1)
    assert model.price == Price(input_per_million=1, output_per_million=2)
    assert (model.capabilities, model.supports) == ({"reasoning": 1.0}, {"logprobs"})
    assert (model.sampling.temperature, model.sampling.stop) == (0.5, ("END",))


def test_upstream_profiles_are_understood(tmp_path: Path) -> None:
    _write(
        tmp_path / ".llm-orc/config.yaml",
        "model_profiles:\n  fast:\n    model: llama3:latest\n    provider: ollama\n"
        "    cost_per_token: 0.000002\n"
        "    system_prompt: Be quick.\n    timeout_seconds: 60\n    fallback_model_profile: slow\n"
        "  slow: {model: x, provider: google-gemini}\n",
    )

    fast = load_fleet(tmp_path, None).profiles["fast"]

    assert (fast.models, fast.fallback, fast.timeout_seconds) == (("ollama/llama3:latest",), ("slow",), 60.0)
    assert fast.price == Price(input_per_million=2.0, output_per_million=2.0)
    assert fast.source == f"{tmp_path}/.llm-orc/config.yaml:2"


def test_every_problem_of_every_layer_is_reported(tmp_path: Path) -> None:
    user = tmp_path / "user"
    _write(user / "models.yaml", "models: {a: {provider: olama, temperature: hot}}\n")
    _write(tmp_path / "models.yaml", "default: smal\nmodels: {small: {provider: openai, contxt: 1}}\n")
    _write(tmp_path / ".llm-orc/config.yaml", "a: [\n")

    with pytest.raises(InvalidFile) as caught:
        load_fleet(tmp_path, user)

    assert sorted(str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems) == [
        ".llm-orc/config.yaml:1:5: a value is expected here (close the list, or use quotes)",
        "models.yaml:1:10: unknown model 'smal' (did you mean 'small'?)",
        "models.yaml:2:36: unknown key 'contxt' (did you mean 'context'?)",
        "user/models.yaml:1:24: unknown provider 'olama' (did you mean 'ollama'?)",
        "user/models.yaml:1:44: temperature: expected a number, got text 'hot'",
    ]


def test_one_file_can_be_checked_alone(tmp_path: Path) -> None:
    _write(tmp_path / "models.yaml", "models: {a: {provider: openai, capabilities: {reasonin: 1}}}\n")

    (problem,) = check_catalogue(tmp_path / "models.yaml", "models")

    assert str(problem).endswith(":1:47: unknown key 'reasonin' (did you mean 'reasoning'?)")


@pytest.mark.parametrize(
    ("wanted", "name", "provider", "wire_name"),
    [
        ("tiny-small", "tiny-small", "llamacpp", "tiny-small"),
        ("ollama/llama3.1:8b", "ollama/llama3.1:8b", "ollama", "llama3.1:8b"),
        ("openai/meta/Llama-3.1", "openai/meta/Llama-3.1", "openai", "meta/Llama-3.1"),
        ({"provider": "openai", "name": "x"}, "openai/x", "openai", "x"),
        ({"provider": "llamacpp", "path": "m/y.gguf"}, "llamacpp/y", "llamacpp", "y"),
    ],
)  # fmt: skip
def test_a_name_stands_for_a_model(
    wanted: str | JsonObject, name: str, provider: str, wire_name: str, tmp_path: Path
) -> None:
    model = resolve_model(wanted, load_fleet(tmp_path, None), Path("/base"))

    assert (model.name, model.provider, model.wire_name) == (name, provider, wire_name)


def test_a_path_starts_from_the_file_that_names_it() -> None:
    nothing = Fleet(models={})

    assert resolve_model("llamacpp/m/y.gguf", nothing, Path("/base")).path == "/base/m/y.gguf"
    described = {"provider": "llamacpp", "path": "y.gguf"}
    assert resolve_model(described, nothing, Path("/base")).path == "/base/y.gguf"


@pytest.mark.parametrize(
    ("wanted", "said", "hint"),
    [
        ("tiny-larg", "unknown model 'tiny-larg'", "did you mean 'tiny-large'?"),
        ("olama/x", "unknown provider 'olama' in 'olama/x'", "did you mean 'ollama'?"),
        ("ollama/", "unknown provider 'ollama' in 'ollama/'", "did you mean 'ollama'?"),
        ({"provider": "ollama"}, "a model needs a name", "add 'name': what the server calls it"),
    ],
)
def test_a_name_that_stands_for_nothing_has_a_suggestion(
    wanted: str | JsonObject, said: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageFailed) as caught:
        resolve_model(wanted, load_fleet(tmp_path, None), Path())

    assert (caught.value.message, caught.value.hint) == (said, hint)


def test_an_unknown_model_without_any_near_is_not_found() -> None:
    with pytest.raises(NotFound, match="unknown model 'zzz'"):
        resolve_model("zzz", Fleet(models={}), Path())


def test_what_a_model_can_do_depends_on_its_provider() -> None:
    nothing = Fleet(models={})

    def supports(provider: str) -> frozenset[str]:
        return frozenset(resolve_model(f"{provider}/x", nothing, Path()).supports)

    assert supports("openai") == supports("scripted") - {"load_control"}
    assert supports("ollama") == supports("scripted") - {"n"}
    assert supports("anthropic") == {"json_schema", "tools"}
    assert supports("llamacpp") == supports("scripted") - {"tools"}
