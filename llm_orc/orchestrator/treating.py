"""How calls are treated, from settings and flags; and the cache of answers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llm_orc.domain.calling import Answering, Caller
from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Model
from llm_orc.domain.policy import Budget, HostPolicy, Policy
from llm_orc.orchestrator.serving import Providers
from llm_orc.providers.addresses import host_of
from llm_orc.spec.policy import read_budget, read_hosts, read_policy
from llm_orc.spec.settings import Settings

if TYPE_CHECKING:
    from llm_orc.providers.host import Host
    from llm_orc.run.answer_cache import ProjectCache
    from llm_orc.run.treatment import Treatment

USUAL = Policy(retries=2, max_wait_seconds=30.0, cache="project")
CACHE_MB = 256


class Treating:
    """What stands around the providers of one orchestrator: hosts with their limits, and the cache."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._hosts: dict[str, Host] = {}
        self._policy = HostPolicy()
        self._cache: ProjectCache | None = None

    def is_down(self, model: Model) -> bool:
        """Whether the model's host failed so often that it is left alone."""
        host = self._hosts.get(host_of(model))
        return host is not None and host.breaker.state == "open"

    def connect(self, model: Model, policy: Policy, caller: Caller) -> Answering:
        """The model's provider, behind its host's limits and as patient as the policy wants."""
        from llm_orc.providers.treated import Admitted, Patient

        host = self._host(model)
        admitted = Admitted(self._providers.of(model), host, caller)
        return Patient(admitted, policy, caller)

    def _host(self, model: Model) -> Host:
        from llm_orc.providers.host import Host

        name = host_of(model)
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(name, self._policy)
        return host

    def of(
        self, ensemble: Ensemble, settings: Settings, given: Policy, budget: Budget, records: Path | None
    ) -> Treatment:
        """How the calls of a run are treated. `given` and `budget` are those of flags, `records` is where
        runs are recorded."""
        # Not while the first agent's time is running.
        import llm_orc.providers.treated  # noqa: F401
        from llm_orc.run.answer_cache import ProjectCache
        from llm_orc.run.journal_reading import Runs
        from llm_orc.run.treatment import Treatment

        said = settings_json(settings)
        self._policy = read_hosts(said)
        if self._cache is None and records is not None and settings.keep_content:
            size = CACHE_MB if settings.cache_mb is None else settings.cache_mb
            self._cache = ProjectCache(records.with_name("cache.db"), int(size * 2**20))
        whole = budget.over(ensemble.budget or Budget()).over(read_budget(said) or Budget())
        daily = read_budget(said, "daily_budget") or Budget()

        def spent_today(run_id: str, attempt: int) -> tuple[float, int, int]:
            if records is None:
                return 0.0, 0, 0
            today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
            return Runs(records).spent_since(today.timestamp(), run_id, attempt)

        return Treatment(
            connect=self.connect,
            given=given,
            policy=read_policy(said).over(USUAL),
            budget=whole,
            daily=daily,
            spent_today=spent_today,
            cache=self._cache,
            keeps_content=settings.keep_content,
        )

    def close(self) -> None:
        """Write what is left of the cache."""
        cache, self._cache = self._cache, None
        if cache is not None:
            cache.close()


def settings_json(settings: Settings) -> JsonObject:
    """The settings about calls, as a file has them."""
    names = ("retries", "call_timeout_seconds", "cache", "budget", "daily_budget", "limits", "breaker")
    return {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
