"""What is wrong with a set-up, and how to mend it: many small examinations, all at once.

Each has a thread of its own, since what is broken may hang: a folder on a dead network drive, a keyring that
waits for its user, a driver. Whatever an examination meets, the others are done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

import anyio

from llm_orc.domain.finding import EXAMINATIONS, Finding, fail, ok, warn
from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile, OrcError, Problem, UsageFailed
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator import health_machine as machine
from llm_orc.orchestrator.completing import llm_works
from llm_orc.orchestrator.health_gpu import gpu_findings
from llm_orc.orchestrator.health_journal import journal_findings
from llm_orc.orchestrator.health_servers import Needs, limit_findings, models_of, near_hosts, server_findings
from llm_orc.spec.catalogue import load_fleet
from llm_orc.spec.locate import list_ensembles, records_path, user_config_dir
from llm_orc.spec.settings import Settings
from llm_orc.spec.shipped import shipped

LIMIT_SECONDS = 20.0
"""After that an examination that has no result is given up."""

_PROBLEMS = 5
"""Problems of ensembles that are shown."""

Examination = Callable[[], Iterable[Finding]]


def examine(runs: str | None, only: Collection[str] = ()) -> tuple[list[Finding], bool]:
    """The findings, and whether something still hangs in a thread. `runs` is another journal's path.

    `only` names some of `EXAMINATIONS`; none stands for all. Settings and catalogue are always read.
    """
    files = _Files(runs)
    findings, hanging = _together({"project": files.read})
    rest: dict[str, Examination] = {
        "python": machine.python,
        "packages": machine.packages,
        "command": machine.command,
        "models": files.models,
        "journal": files.journal,
        "gpu": lambda: gpu_findings(files.fleet.vram_gb if files.fleet else ()),
        "files": lambda: machine.open_files(files.settings.concurrency if files.settings else None),
        "clock": machine.clock,
    }
    more, also = _together({name: rest[name] for name in EXAMINATIONS if not only or name in only})
    return [*findings, *more], hanging or also


def _together(examinations: dict[str, Examination]) -> tuple[list[Finding], bool]:
    """The findings of examinations that run at once, in the order in which these are given."""
    found: dict[str, list[Finding]] = {what: [] for what in examinations}
    threads = {
        what: threading.Thread(target=_examined, args=(what, each, found[what]), daemon=True)
        for what, each in examinations.items()
    }
    for thread in threads.values():
        thread.start()
    until = monotonic() + LIMIT_SECONDS
    for what, thread in threads.items():
        thread.join(max(0.0, until - monotonic()))
        if thread.is_alive():
            found[what].append(fail(what, f"no result within {LIMIT_SECONDS:g} s", "does a disk hang?"))
    # Copies: what hangs may find something yet.
    return [each for findings in found.values() for each in tuple(findings)], any(
        thread.is_alive() for thread in threads.values()
    )


def _examined(what: str, examination: Examination, found: list[Finding]) -> None:
    try:
        for finding in examination():
            found.append(finding)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        found.append(fail(what, f"{where}{error.strerror or error}"))
    except OrcError as error:
        found.append(fail(what, error.message, error.hint))
    except Exception as error:  # noqa: BLE001 - a bug in one examination must not hide what others found
        hint = "this is a bug in llm-orc's doctor, please report it"
        found.append(fail(what, f"could not be examined: {type(error).__name__}: {error}", hint))


@dataclass
class _Files:
    """The project's files, as far as they can be read."""

    runs: str | None
    orchestrator: Orchestrator | None = None
    settings: Settings | None = None
    fleet: Fleet | None = None
    _said: set[Problem] = field(default_factory=set)

    def read(self) -> Iterator[Finding]:
        """Settings, catalogue and ensembles; the rest of the examinations needs them."""
        try:
            self.orchestrator = Orchestrator(flags={"runs": self.runs})
        except FileNotFoundError:
            yield fail("project", "the current folder is gone", "cd to another")
            return
        project = self.orchestrator.project
        yield ok("project", str(project))
        yield from self._settings(self.orchestrator)
        try:
            self.fleet = load_fleet(project, user_config_dir())
        except InvalidFile as error:
            yield from self._problems("models", error)
        else:
            yield ok("models", f"{len(self.fleet.models)} in the catalogue")

    def _settings(self, orchestrator: Orchestrator) -> Iterator[Finding]:
        try:
            self.settings = orchestrator.settings
        except InvalidFile as error:
            yield from self._problems("settings", error)
        except UsageFailed as error:
            yield fail("settings", error.message, error.hint)
        else:
            places = {where.rpartition(":")[0] or where for where in self.settings.sources.values()}
            yield ok("settings", f"from {', '.join(sorted(places - {'default'})) or 'defaults only'}")

    def _problems(self, what: str, error: InvalidFile) -> Iterator[Finding]:
        """Each once: a file of settings is read for its profiles too."""
        for problem in error.problems:
            if problem not in self._said:
                self._said.add(problem)
                yield _of_problem(what, problem)

    def models(self) -> Iterator[Finding]:
        """Ensembles, then the keys and servers that the models of the catalogue and the ensembles need."""
        if self.orchestrator is None or self.fleet is None:
            yield warn("ensembles", "not looked at, nor keys and servers", "mend what is said above first")
            return
        needs = Needs()
        needs.add(self.fleet.models.values())
        if self.settings is not None:
            yield from self._ensembles(self.orchestrator, self.settings, needs)
            yield from self._default(self.orchestrator, needs)
            if isinstance(self.settings.limits, dict):
                yield from limit_findings(self.settings.limits, needs)
        yield from anyio.run(partial(_asked, self.orchestrator, needs))

    def _ensembles(self, orchestrator: Orchestrator, settings: Settings, needs: Needs) -> Iterator[Finding]:
        yield from _closed(orchestrator.project)
        every = list_ensembles(orchestrator.project, user_config_dir(), settings.ensembles)
        project, others = orchestrator.project, shipped("ensembles")
        ours = [f for f in every.values() if f.is_relative_to(project) or not f.is_relative_to(others)]
        problems: dict[Problem, None] = {}
        bad = 0
        modelless: list[str] = []
        for file in ours:
            try:
                ensemble = orchestrator.load(file, need_models=False)
            except InvalidFile as error:
                problems.update(dict.fromkeys(error.problems))
                bad += 1
                continue
            needs.add(models_of(ensemble), needed=True)
            if any(not llm.models for llm in llm_works(ensemble)):
                modelless.append(ensemble.name)
        if modelless:
            detail = f"{len(modelless)} of {len(ours)} have agents without a model, such as {modelless[0]!r}"
            yield warn("ensembles", detail, "set 'default:' in models.yaml, or pass --model")
        if not problems:
            yield ok("ensembles", f"{len(ours)}, all valid" if ours else "none of this project yet")
            return
        yield fail("ensembles", f"{bad} of {len(ours)} are not valid", "mend what is said below")
        for problem in list(problems)[:_PROBLEMS]:
            yield _of_problem("ensemble", problem)
        if len(problems) > _PROBLEMS:
            yield fail("ensembles", f"{len(problems) - _PROBLEMS} more problems", "llm-orc validate FILE")

    def _default(self, orchestrator: Orchestrator, needs: Needs) -> Iterator[Finding]:
        """The model of agents that name none."""
        default = orchestrator.fleet.default
        if default is None:
            return
        try:
            needs.add([orchestrator.model(default)], needed=True)
        except UsageFailed as error:
            yield fail("default model", error.message, error.hint)

    def journal(self) -> Iterator[Finding]:
        """The journal, also where the settings cannot be read."""
        if self.orchestrator is not None and self.settings is not None:
            path = self.orchestrator.runs.path
        elif self.runs is not None:
            path = Path(self.runs)
        else:
            path = records_path(self.orchestrator.project if self.orchestrator else Path.home())
        return journal_findings(path)


def _closed(project: Path) -> Iterator[Finding]:
    """Folders that would be passed over, because they cannot be listed."""
    for folder in (project / "ensembles", project / ".llm-orc" / "ensembles"):
        try:
            os.scandir(folder).close()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield fail("ensembles", f"{folder} cannot be listed: {error.strerror}", "change its permissions")


async def _asked(orchestrator: Orchestrator, needs: Needs) -> list[Finding]:
    async with orchestrator:
        found = await server_findings(orchestrator, needs)
        return [*found, *await machine.proxies(near_hosts(needs))]


def _of_problem(what: str, problem: Problem) -> Finding:
    where = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    return fail(what, f"{where}: {problem.message}", problem.hint)
