"""Keys and servers: is there what the models of the catalogue and of the ensembles need?

What the default model or an ensemble of the project needs and lacks is a failure, all else a warning.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import anyio

from llm_orc.domain.completion import Provider
from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.finding import Finding, fail, ok, warn
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Model
from llm_orc.errors import AuthenticationFailed, ModelMissing, OrcError
from llm_orc.orchestrator.completing import asked_by, llm_works
from llm_orc.orchestrator.discovery import Server, is_here, is_near
from llm_orc.providers.addresses import host_of, names_of
from llm_orc.providers.keys import Key
from llm_orc.providers.ollama import Ollama

if TYPE_CHECKING:
    from llm_orc.orchestrator import Orchestrator

ASK_SECONDS = 4.0
_SHOWN = 5
"""Models that are listed one by one; of more, their number is said."""

Known: TypeAlias = "tuple[str, str, str | None]"
Worse: TypeAlias = Callable[[str, str, str], Finding]


@dataclass(slots=True)
class Needs:
    """All models, each once; `needed` are those that the project cannot run without."""

    models: dict[Known, Model] = field(default_factory=dict)
    needed: set[Known] = field(default_factory=set)

    def add(self, models: Iterable[Model], *, needed: bool = False) -> None:
        for model in models:
            self.models.setdefault(_known(model), model)
            if needed:
                self.needed.add(_known(model))

    def worse(self, models: Sequence[Model]) -> Worse:
        """What it is when one of these cannot be had."""
        return fail if any(_known(model) in self.needed for model in models) else warn


@dataclass(slots=True)
class _Group:
    """A server, or a way to have models in this process, with the models that it should have."""

    provider: Provider | OrcError
    models: list[Model]

    @property
    def name(self) -> str:
        first = self.models[0]
        address = _address(Server(first.provider, first.base_url))
        return f"{first.provider} at {address}" if address else first.provider


def models_of(ensemble: Ensemble) -> Iterator[Model]:
    """Every model that an ensemble may ask."""
    for llm in llm_works(ensemble):
        yield from asked_by(llm)


async def server_findings(orchestrator: Orchestrator, needs: Needs) -> list[Finding]:
    """Of each server, in the catalogue's order, and of the models that it should have; all asked at once."""
    groups = _groups(orchestrator, needs)
    found: list[list[Finding]] = [[] for _ in range(len(groups) + 1)]

    async def examine(place: int, group: _Group) -> None:
        found[place] = await _of_group(orchestrator, group, needs)

    async def look_for_ollama() -> None:
        found[-1] = [await _unused_ollama()]

    async with anyio.create_task_group() as tasks:
        for place, group in enumerate(groups):
            tasks.start_soon(examine, place, group)
        if not any(model.provider == "ollama" for model in needs.models.values()):
            tasks.start_soon(look_for_ollama)
    return [finding for findings in found for finding in findings]


def near_hosts(needs: Needs) -> list[str]:
    """Hosts of servers on this network, other than this machine."""
    hosts: set[str] = set()
    for model in needs.models.values():
        with suppress(ValueError):
            hosts.add(Server(model.provider, model.base_url).host)
    return sorted(host for host in hosts if host and is_near(host) and not is_here(host))


def limit_findings(limits: JsonObject, needs: Needs) -> Iterator[Finding]:
    """Whether each host that has limits is one that a model is asked at."""
    hosts = sorted({host_of(model) for model in needs.models.values()})
    known = {name for host in hosts for name in names_of(host)}
    idle = [name for name in limits if name.lower() not in known]
    for name in idle:
        hint = f"hosts of models: {', '.join(hosts)}" if hosts else "no model has a host"
        yield warn(f"limits of {name}", "no model is served there, so they hold for nothing", hint)
    if len(limits) > len(idle):
        yield ok("limits", ", ".join(name for name in limits if name not in idle))


def _known(model: Model) -> Known:
    return model.provider, model.wire_name, model.base_url


def _address(server: Server) -> str:
    """Without what a URL may say of users and keys."""
    try:
        parts = urlsplit(server.address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "what is no address"
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""


def _groups(orchestrator: Orchestrator, needs: Needs) -> list[_Group]:
    groups: dict[int | str, _Group] = {}
    for model in needs.models.values():
        try:
            provider = orchestrator.provider_of(model)
            groups.setdefault(id(provider), _Group(provider, [])).models.append(model)
        except OrcError as error:
            groups.setdefault(model.provider, _Group(error, [])).models.append(model)
    return list(groups.values())


async def _of_group(orchestrator: Orchestrator, group: _Group, needs: Needs) -> list[Finding]:
    worse = needs.worse(group.models)
    if isinstance(group.provider, OrcError):
        return [worse(group.name, group.provider.message, group.provider.hint)]
    key = await _key(group, group.provider, worse)
    if key is not None and key.state != "ok":
        return [key]
    keys = [] if key is None else [key]
    # One model shows whether the server answers; if it does not, nobody waits for the others.
    first = await orchestrator.probe(group.models[0])
    if first is not None and not isinstance(first, ModelMissing):
        return [*keys, worse(group.name, first.message, first.hint)]
    return [*keys, *await _of_models(orchestrator, group, group.provider, first, needs)]


async def _of_models(
    orchestrator: Orchestrator, group: _Group, provider: Provider, first: OrcError | None, needs: Needs
) -> list[Finding]:
    """Which of its models a server that answers has; `first` is what was found of the first one."""
    errors: dict[int, OrcError | None] = {0: first}
    versions: list[str] = []

    async def probe(place: int) -> None:
        errors[place] = await orchestrator.probe(group.models[place])

    async def ask_version(ollama: Ollama) -> None:
        with anyio.move_on_after(ASK_SECONDS), suppress(OrcError):
            versions.append(f"version {await ollama.version()}, ")

    async with anyio.create_task_group() as tasks:
        for place in range(1, len(group.models)):
            tasks.start_soon(probe, place)
        if isinstance(provider, Ollama):
            tasks.start_soon(ask_version, provider)
    lacking = [(model, error) for place, model in enumerate(group.models) if (error := errors[place])]
    count = len(group.models)
    told = ok(group.name, f"{''.join(versions)}has {count - len(lacking)} of {count} models that are named")
    shown = [needs.worse([model])(f"model {model.name}", e.message, e.hint) for model, e in lacking]
    shown.sort(key=lambda finding: finding.state)  # failures first
    rest = len(shown) - _SHOWN
    more = [warn(group.name, f"{rest} more models are missing", "llm-orc models check")] if rest > 0 else []
    return [told, *shown[:_SHOWN], *more]


async def _key(group: _Group, provider: Provider, worse: Worse) -> Finding | None:
    """Whether there is the key that the models need; None where they need none. Never the key itself."""
    first = group.models[0]
    variable_of = getattr(provider, "key_variable", None)
    variable = variable_of(first.base_url, first.api_key_env) if variable_of else first.api_key_env
    if variable is None:
        return None
    try:
        with anyio.fail_after(ASK_SECONDS):
            await Key(variable).find()
    except AuthenticationFailed as error:
        return worse(f"key {variable}", f"{error.message}, and {group.name} needs it", error.hint)
    except TimeoutError:
        return worse(f"key {variable}", "the keyring does not answer", f"unlock it, or export {variable}=…")
    where = "in the environment" if os.environ.get(variable) else "in the keyring"
    return ok(f"key {variable}", f"{where}, for {group.name}")


async def _unused_ollama() -> Finding:
    """Nobody needs it, but who has it may want to know that it is seen."""
    address = _address(Server("ollama"))
    ollama = Ollama()
    try:
        with anyio.move_on_after(ASK_SECONDS):
            count = len(await ollama.installed())
            return ok("ollama", f"{address} has {count} models, none of them in the catalogue; "
                      "`llm-orc models discover` adds them")  # fmt: skip
    except OrcError as error:
        if error.exit_code == 4:
            return ok("ollama", f"none at {address}, and no model needs it")
        return warn("ollama", error.message, error.hint)
    finally:
        with anyio.CancelScope(shield=True):
            await ollama.aclose()
    return warn("ollama", f"{address} does not answer; no model needs it", "is the server hanging?")
