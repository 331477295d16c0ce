"""`models`: the catalogue, and whether its servers answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from llm_orc.cli.write import print_json, print_table, write_atomically
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.text import one_line
from llm_orc.errors import NotFound, OrcError, UsageFailed
from llm_orc.orchestrator import Orchestrator

if TYPE_CHECKING:
    from llm_orc.orchestrator.discovery import Discovery
    from llm_orc.orchestrator.proposal import Proposal

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
    from llm_orc.orchestrator.completing import with_list_price
    from llm_orc.orchestrator.planning import believed

    orchestrator = Orchestrator()
    model = with_list_price(orchestrator.model(name))
    entry, beliefs = _entry(model), believed(model, orchestrator.records)
    if as_json:
        print_json({**entry, "beliefs": beliefs})
        return
    shown = {**entry, "price": _price_and_source(model)}
    rows = [[key, str(value)] for key, value in shown.items() if value not in (None, "", {}, [])]
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


def _price_and_source(model: Model) -> str:
    if model.price is None:
        return "unknown"
    return f"$ {_price(model)} per million tokens in/out ({model.price.source or 'catalogue'})"


@models.command(
    short_help="Write entries for what local servers have.",
    epilog="""\b
Examples:
  llm-orc models discover --dry-run
  llm-orc models discover --url http://localhost:8000/v1
""",
)
@click.option("--provider", type=click.Choice(("ollama", "openai")),
              help="Ask servers of this kind only; --url is then one of them.")  # fmt: skip
@click.option("--url", "urls", multiple=True, metavar="URL",
              help="A further server to ask, OpenAI-compatible unless --provider says otherwise. Repeatable.",
              )  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print what would be written.")
@_json_flag
def discover(provider: str | None, urls: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Ask Ollama and OpenAI-compatible servers what they have, and add it to .llm-orc/models.yaml.

    Asked are Ollama's usual address, the servers of the catalogue on this machine and its network, and those
    given with --url. New models become entries; entries that are there get the keys that they lack. Nothing
    that you wrote is changed. Exit code 4 when no server could be reached.
    """
    from llm_orc.orchestrator.discovery import discover as ask
    from llm_orc.orchestrator.discovery import servers
    from llm_orc.orchestrator.proposal import proposed

    orchestrator = Orchestrator()
    asked = servers(orchestrator.fleet, urls, provider)
    if not asked:
        raise UsageFailed(f"no server of provider {provider!r} is known", hint="give its address with --url")
    found = anyio.run(ask, asked)
    file = orchestrator.project / ".llm-orc" / "models.yaml"
    proposal = proposed(file, found, orchestrator.fleet)
    written = bool(proposal.changed) and not dry_run
    if written:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, proposal.text)
    if as_json:
        changed: dict[str, JsonValue] = {name: list(keys) for name, keys in proposal.changed.items()}
        print_json({"file": str(file), "entries": proposal.entries, "changed": changed,
                    "left": proposal.left, "written": written})  # fmt: skip
    else:
        _tell(found, proposal, file, dry_run=dry_run)
    return 0 if any(discovery.error is None for discovery in found) else 4


def _tell(found: Sequence[Discovery], proposal: Proposal, file: Path, *, dry_run: bool) -> None:
    for discovery in found:
        where = discovery.server.base_url or "its usual address"
        if discovery.error is not None:
            error = discovery.error
            click.echo(f"{discovery.server.provider} at {where}: {_why(error)}", err=True)
        else:
            click.echo(f"{discovery.server.provider} at {where}: {len(discovery.entries)} models")
    for name, keys in proposal.changed.items():
        for key in keys:
            click.echo(f"+ {name}: {key}: {one_line(proposal.entries[name][key], 60)}")
    for name, why in proposal.left.items():
        click.echo(f"  {name}: left as it is: {why}")
    verb = "would be written" if dry_run else "written"
    click.echo(f"{verb}: {file}" if proposal.changed else f"nothing to add to {file}")


@models.command(
    short_help="Measure a model: load time, speed, memory.",
    epilog="\b\nExample:\n  llm-orc models probe tiny-small --dry-run",
)
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Measure and print only.")
@_json_flag
def probe(name: str, dry_run: bool, as_json: bool) -> None:
    """Load NAME, have it write a few words, and store what that took in .llm-orc/models.yaml.

    Costs the price of about 80 tokens. Models that ship with llm-orc are measured, not stored.
    """
    from llm_orc.orchestrator.discovery import measure
    from llm_orc.orchestrator.proposal import with_figures

    orchestrator = Orchestrator()
    model = orchestrator.model(name)

    async def measured() -> dict[str, JsonValue]:
        async with orchestrator:
            return (await measure(model, orchestrator.provider_of(model))).entry()

    figures = anyio.run(measured)
    file = orchestrator.project / ".llm-orc" / "models.yaml"
    text = None if dry_run else with_figures(file, name, figures)
    stored = text is not None
    if text is not None:
        write_atomically(file, text)
    if as_json:
        print_json({"model": name, **figures, "stored": stored})
        return
    print_table(("key", "value"), [[key, str(value)] for key, value in figures.items()])
    click.echo(f"stored in {file}" if stored else "not stored")
