"""How the calls of a run are treated that needs no settings."""

from __future__ import annotations

from llm_orc.domain.policy import HostPolicy
from llm_orc.providers.host import Host
from llm_orc.providers.treated import Admitted
from llm_orc.run.treatment import Treatment


def treated(provider, **settings) -> Treatment:
    """All models are served by one provider."""
    host = Host("test", HostPolicy())
    return Treatment(connect=lambda model, policy, caller: Admitted(provider, host, caller), **settings)
