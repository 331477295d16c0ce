"""Points in time as they are written on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from time import time

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def point_in_time(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Unix time of an age (`30d`, `12h`, `90m`) or of a date, which is in UTC (`2026-01-31`)."""
    if value is None:
        return None
    age = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([smhdw])", value.strip())
    if age:
        return time() - float(age[1]) * _UNITS[age[2]]
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        message = f"{value!r} is not a time: write 30d, 12h or 2026-01-31"
        raise click.BadParameter(message, ctx, param) from None
