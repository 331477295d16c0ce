"""Budgets, retries, the cache and limits of hosts, as files and settings write them."""

from __future__ import annotations

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.policy import Budget, CacheScope, HostPolicy, Limits, Policy
from llm_orc.spec import fields

_KEYS = frozenset({"retries", "call_timeout_seconds", "cache"})
_UNSAID = Policy()


def read_policy(data: JsonObject) -> Policy:
    """What `retries`, `call_timeout_seconds` and `cache` say."""
    if _KEYS.isdisjoint(data):
        return _UNSAID
    given = data.get("retries")
    retries: JsonObject = given if isinstance(given, dict) else {"max": given}
    return Policy(
        retries=fields.integer(retries, "max"),
        max_wait_seconds=fields.number(retries, "max_wait_seconds"),
        call_seconds=fields.number(data, "call_timeout_seconds"),
        cache=_scope(data.get("cache")),
    )


def read_budget(data: JsonObject, key: str = "budget") -> Budget | None:
    """What `budget` says, None where there is none."""
    if key not in data:
        return None
    budget = fields.mapping(data, key)
    return Budget(
        usd=fields.number(budget, "usd"),
        tokens=fields.integer(budget, "tokens"),
        calls=fields.integer(budget, "calls"),
        seconds=fields.number(budget, "seconds"),
        strict=budget.get("strict") is True,
    )


def read_hosts(data: JsonObject) -> HostPolicy:
    """What `limits` and `breaker` say."""
    usual, breaker = HostPolicy(), fields.mapping(data, "breaker")
    limits = {
        host: Limits(
            concurrency=fields.integer(fields.mapping(each, host), "concurrency"),
            requests_per_minute=fields.integer(fields.mapping(each, host), "requests_per_minute"),
            tokens_per_minute=fields.integer(fields.mapping(each, host), "tokens_per_minute"),
        )
        for each in (fields.mapping(data, "limits"),)
        for host in each
    }
    seconds = fields.number(breaker, "seconds")
    return HostPolicy(
        limits=limits,
        breaker_failures=fields.integer(breaker, "failures") or usual.breaker_failures,
        breaker_seconds=usual.breaker_seconds if seconds is None else seconds,
    )


def _scope(given: JsonValue) -> CacheScope | None:
    match given:
        case True:
            return "project"
        case False:
            return "off"
        case "run" | "project" | "off":
            return given
    return None
