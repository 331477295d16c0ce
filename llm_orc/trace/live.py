"""The live view of a run in a terminal: the layers of the DAG, what each agent does, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from time import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from llm_orc.domain.events import (
    AgentFinished,
    AgentStarted,
    Event,
    ModelAnswered,
    RunFinished,
    RunStarted,
    Warned,
)
from llm_orc.domain.outcome import Answered, Failed, Outcome, Skipped
from llm_orc.domain.text import mark, result_line, seconds
from llm_orc.trace.progress import summary

_COLOURS = {Answered: "green", Failed: "red", Skipped: "yellow"}


class LiveView:
    """An observer that keeps the picture; rich's own thread draws it."""

    def __init__(self) -> None:
        console = self._console = Console(stderr=True)
        self._live = Live(get_renderable=lambda: self, console=console, refresh_per_second=8, transient=True)
        self._layers: tuple[tuple[str, ...], ...] = ()
        self._needs: Mapping[str, tuple[str, ...]] = {}
        self._name = ""
        self._began = time()
        self._started: dict[str, tuple[float, str | None]] = {}
        self._ended: dict[str, Outcome] = {}
        self._tokens = 0

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def __call__(self, event: Event, /) -> None:
        match event.what:
            case RunStarted(ensemble=name, layers=layers, depends_on=needs):
                self._name, self._layers, self._needs, self._began = name, layers, needs, event.ts
            case AgentStarted(agent=agent, model=model):
                self._started[agent] = (event.ts, model)
            case ModelAnswered(usage=usage):
                self._tokens += usage.input_tokens + usage.output_tokens
            case AgentFinished(agent=agent, outcome=outcome):
                self._ended[agent] = outcome
            case Warned(message=message):
                self._console.print(Text(f"warning: {message}", style="yellow"))
            case RunFinished(result=result):
                self._live.stop()
                self._console.print(self._table(self._console.width, len(self._needs)))
                self._console.print(Text(summary(result), style="bold"))
            case _:
                pass

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        done = len(self._ended)
        yield Text(f"{self._name}  {done}/{len(self._needs)} agents  {self._tokens} tokens  "
                   f"{seconds(time() - self._began)}", style="bold")  # fmt: skip
        yield self._table(options.max_width, max(3, console.height - 4))

    def _table(self, width: int, room: int) -> Table:
        """One row per agent while they fit, one per layer otherwise."""
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        for _ in range(5):
            table.add_column(no_wrap=True, overflow="ellipsis")
        names = [(depth, name) for depth, layer in enumerate(self._layers, 1) for name in layer]
        if len(names) > room:
            for depth, layer in enumerate(self._layers[-room:], max(1, len(self._layers) - room + 1)):
                table.add_row(str(depth), *self._layer(layer))
            return table
        before = 0
        for depth, name in names:
            table.add_row("" if depth == before else str(depth), *self._agent(name, width))
            before = depth
        return table

    def _layer(self, layer: tuple[str, ...]) -> tuple[Text, Text, Text, Text]:
        ended = [self._ended[name] for name in layer if name in self._ended]
        signs = "  ".join(
            f"{sum(mark(o) == sign for o in ended)}{sign}"
            for sign in "✓✗–"
            if any(mark(o) == sign for o in ended)
        )
        running = sum(name in self._started and name not in self._ended for name in layer)
        return (
            Text(f"{len(layer)} agent{'s' * (len(layer) != 1)}"),
            Text(signs),
            Text(f"{running} running" if running else ""),
            Text(""),
        )

    def _agent(self, name: str, width: int) -> tuple[Text, Text, Text, Text]:
        outcome = self._ended.get(name)
        began, model = self._started.get(name, (0.0, None))
        if outcome is None:
            waiting = not began
            sign = Text(f"{'·' if waiting else '▶'} {name}", style="dim" if waiting else "cyan")
            needs = f"waits for {', '.join(self._needs.get(name, ()))}" if waiting else ""
            since = "" if waiting else seconds(time() - began)
            return sign, Text(model or ""), Text(since), Text(needs, style="dim")
        sign = Text(f"{mark(outcome)} {name}", style=_COLOURS[type(outcome)])
        shown = Text(result_line(outcome, max(20, width // 2)))
        if isinstance(outcome, Skipped):
            return sign, Text("skipped"), Text(""), shown
        usage = outcome.effort.usage
        spent = f"{usage.input_tokens}+{usage.output_tokens}  " if outcome.effort.model else ""
        return sign, Text(model or "script"), Text(f"{spent}{seconds(outcome.effort.duration_s)}"), shown
