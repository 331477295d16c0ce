"""`optimize --estimate`: what dry runs of the search came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from llm_orc.cli.write import print_json, print_table

if TYPE_CHECKING:
    from llm_orc.domain.json import JsonValue
    from llm_orc.optimize.dataset import Split
    from llm_orc.optimize.estimate import Foreseen


def show_estimate(
    what: str, parts: Split, found: Sequence[Foreseen], described: Mapping[str, JsonValue], as_json: bool
) -> None:
    """Print one line for each dry run. `described` says in JSON what was searched."""
    if as_json:
        print_json({
            **described,
            "estimates": [
                {"right_answers": each.right, "calls": each.calls, "tokens": each.tokens, "usd": each.usd}
                for each in found
            ],
        })  # fmt: skip
        return
    click.echo(f"{what} on {len(parts.train)} + {len(parts.validation)} rows, "
               f"{len(parts.held_out)} held out; nothing was asked")  # fmt: skip
    print_table(
        ("if so many answers are right", "calls", "tokens", "US dollars"),
        [
            [f"{each.right:.0%}", str(each.calls), str(each.tokens),
             "unknown" if each.usd is None else f"{each.usd:.4f}"]
            for each in found
        ],
    )  # fmt: skip
