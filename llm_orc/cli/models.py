"""`models`: the catalogue, and whether its servers answer."""

from __future__ import annotations

from dataclasses import asdict

import anyio
import click

from llm_orc.cli.write import print_json, print_table
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model
from llm_orc.errors import NotFound, OrcError
from llm_orc.orchestrator import Orchestrator

_json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(epilog="\b\nExample:\n  llm-orc models list")
def models() -> None:
    """The models at hand: those that ship with llm-orc, and those of your models.yaml files."""


@models.command("list", epilog="\b\nExample:\n  llm-orc models list --json")
@_json_flag
def list_models(as_json: bool) -> None:
    """List every model of the catalogue."""
    fleet = Orchestrator().fleet
    if as_json:
        print_json(
            [{**_entry(model), "default": model.name == fleet.default} for model in fleet.models.values()]
        )
        return
    rows = [
        [f"{name}{' (default)' if name == fleet.default else ''}", model.provider, _served_at(model),
         _count(model.context), _price(model), ", ".join(sorted(model.supports))]
        for name, model in fleet.models.items()
    ]  # fmt: skip
    print_table(("model", "provider", "at", "context", "$ per million in/out", "supports"), rows)


@models.command(
    "show",
    short_help="Show all that is known about a model.",
    epilog="\b\nExample:\n  llm-orc models show tiny-large",
)
@click.argument("name")
@_json_flag
def show_model(name: str, as_json: bool) -> None:
    """Show all that is known about a model: a name from the catalogue, or provider/name."""
    from llm_orc.orchestrator.planning import believed

    orchestrator = Orchestrator()
    model = orchestrator.model(name)
    entry, beliefs = _entry(model), believed(model, orchestrator.records)
    if as_json:
        print_json({**entry, "beliefs": beliefs})
        return
    rows = [[key, str(value)] for key, value in entry.items() if value not in (None, "", {}, [])]
    print_table(("key", "value"), rows)
    if beliefs:
        click.echo()
        print_table(("kind of task", "quality", "observed", "tokens", "s per token"), [
            [task, f"{found['quality']} ± {found['deviation']}", f"{found['observed']:g}",
             f"× {found['tokens']}", _known(found["seconds_per_token"])]
            for task, found in beliefs.items()
        ])  # fmt: skip


@models.command(
    "check",
    short_help="Ask each model's server whether it has the model.",
    epilog="\b\nExample:\n  llm-orc models check tiny-large",
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_json_flag
def check_models(names: tuple[str, ...], as_json: bool) -> int:
    """Ask each model's server whether it is there and has the model; all models when none is named.

    Generates nothing and costs nothing. Exit code 0 when all are well, 4 when no server could be reached,
    1 otherwise.
    """
    found = anyio.run(_check, names)
    if as_json:
        print_json([_finding(model, error) for model, error in found])
    else:
        rows = [
            [model.name, "ok" if error is None else error.kind, "" if error is None else _why(error)]
            for model, error in found
        ]
        print_table(("model", "state", "why"), rows)
    errors = [error for _, error in found if error is not None]
    if errors and len(errors) == len(found) and all(error.exit_code == 4 for error in errors):
        return 4
    return 1 if errors else 0


async def _check(names: tuple[str, ...]) -> list[tuple[Model, OrcError | None]]:
    async with Orchestrator() as orchestrator:
        chosen = [orchestrator.model(name) for name in names] or list(orchestrator.fleet.models.values())
        if not chosen:
            raise NotFound("there are no models", hint="add some to models.yaml")
        found: dict[str, OrcError | None] = {}

        async def probe(model: Model) -> None:
            found[model.name] = await orchestrator.probe(model)

        async with anyio.create_task_group() as tasks:
            for model in chosen:
                tasks.start_soon(probe, model)
        return [(model, found[model.name]) for model in chosen]


def _finding(model: Model, error: OrcError | None) -> dict[str, JsonValue]:
    state = "ok" if error is None else error.kind
    return {
        "model": model.name, "state": state,
        "message": "" if error is None else error.message, "hint": "" if error is None else error.hint,
    }  # fmt: skip


def _why(error: OrcError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _entry(model: Model) -> dict[str, JsonValue]:
    entry = asdict(model)
    entry["supports"] = sorted(model.supports)
    entry["weaknesses"] = sorted(model.weaknesses)
    entry["sampling"] = {k: v for k, v in entry["sampling"].items() if v not in (None, (), {})}
    return entry


def _served_at(model: Model) -> str:
    return model.path or model.base_url or model.wire_name


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _known(value: JsonValue) -> str:
    return "-" if not isinstance(value, float) else f"{value:.4f}"


def _price(model: Model) -> str:
    if model.price is None:
        return "unknown"
    return f"{model.price.input_per_million:g}/{model.price.output_per_million:g}"
