"""From `routing:` to how models are chosen."""

from __future__ import annotations

from typing import cast

from llm_orc.domain.ensemble import RouterName, RoutingSpec
from llm_orc.errors import UsageFailed
from llm_orc.spec import fields
from llm_orc.spec.catalogue import resolve_model
from llm_orc.spec.scope import Scope

SETTINGS = (
    "horizon", "lambda_token", "lambda_switch", "gamma", "token_scale", "switch_t_scale_ms",
)  # fmt: skip


def read_routing(scope: Scope) -> RoutingSpec:
    """What the file says of routing; a planner that is nowhere is reported."""
    data = fields.mapping(scope.data, "routing")
    settings = {key: value for key in SETTINGS if isinstance(value := data.get(key), int | float)}
    planner = None
    wanted = data.get("planner")
    if isinstance(wanted, str | dict):
        try:
            planner = resolve_model(wanted, scope.fleet, scope.folder)
        except UsageFailed as error:
            scope.report.add(("routing", "planner"), error.message, error.hint)
    if data.get("relaxation") is True:
        settings["relaxed"] = True
    router = fields.text(data, "router")
    return RoutingSpec(
        router=cast("RouterName", router) if router else None,
        settings=settings,
        vram_gb=fields.room(data),
        planner=planner,
        learning=data.get("learning") is not False,
    )
