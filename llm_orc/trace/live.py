"""The live view of a run in a terminal: the layers of the DAG, what each agent does, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from time import time
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from llm_orc.domain.events import (
    AgentFinished,
    AgentStarted,
    CallRetried,
    CircuitChanged,
    Event,
    FellBack,
    HostThrottled,
    ItemFinished,
    ModelAnswered,
    RoundFinished,
    RunEnding,
    RunFinished,
    RunStarted,
    StrategyStep,
    ToolCalled,
    Warned,
)
from llm_orc.domain.outcome import Answered, Failed, Outcome, Skipped
from llm_orc.domain.outcome_text import mark, result_line
from llm_orc.domain.text import dollars, one_line, safe, seconds
from llm_orc.trace.progress import ending, summary, warning

_COLOURS = {Answered: "green", Failed: "red", Skipped: "yellow"}
_NARROW = 56
"""Below so many columns, models, tokens and costs are left out: they would squeeze the rest to nothing."""
_CELLS = 7
"""Agent, model, tokens, cost, confidence, time, and what it does or said."""


class LiveView:
    """An observer that keeps the picture; rich's own thread draws it.

    Agents of an ensemble within an agent are seen as what that agent is doing.
    """

    def __init__(self) -> None:
        console = self._console = Console(stderr=True)
        self._live = Live(get_renderable=lambda: self, console=console, refresh_per_second=8, transient=True)
        self._layers: tuple[tuple[str, ...], ...] = ()
        self._needs: Mapping[str, tuple[str, ...]] = {}
        self._name = ""
        self._began = time()
        self._started: dict[str, float] = {}
        self._models: dict[str, str] = {}
        self._doing: dict[str, str] = {}
        self._items: dict[str, int] = {}
        self._ended: dict[str, Outcome] = {}
        self._tokens = 0
        self._usd = 0.0
        self._unpriced = 0

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def __call__(self, event: Event, /) -> None:
        match event.what:
            case RunStarted(ensemble=name, layers=layers, depends_on=needs):
                self._name, self._layers, self._needs, self._began = name, layers, needs, event.ts
                # Not before: what is wrong with a file is said without a picture.
                self._live.start()
            case AgentStarted(agent=agent, model=model):
                self._start(agent, model, event.ts)
            case AgentFinished(agent=agent, outcome=outcome) if agent in self._needs:
                self._ended[agent] = outcome
            case ModelAnswered(usage=usage, cost_usd=usd):
                self._tokens += usage.input_tokens + usage.output_tokens
                self._usd += usd or 0.0
                self._unpriced += usd is None
            case Warned() | CallRetried() | CircuitChanged() | HostThrottled() as what:
                self._warn(warning(what))
            case RunEnding() as what:
                self._console.print(_text(ending(what), "yellow"))
            case RunFinished(result=result):
                self._live.stop()
                self._console.print(self._table(self._console.width, len(self._needs)))
                self._console.print(_text(summary(result), "bold"))
            case what:
                self._note(what)

    def _start(self, agent: str, model: str | None, moment: float) -> None:
        if agent not in self._needs:
            outer, _, inner = agent.partition("/")
            self._doing[outer] = inner
            return
        self._started[agent] = moment
        if model is not None:
            self._models[agent] = model

    def _note(self, what: object) -> None:
        """How far an agent is that takes many steps."""
        match what:
            case ItemFinished(agent=agent, items=items) if agent in self._needs:
                # Counted, since items do not end in their order.
                self._items[agent] = self._items.get(agent, 0) + 1
                self._doing[agent] = f"{self._items[agent]}/{items}"
            case RoundFinished(agent=agent, round=number) if agent in self._needs:
                self._doing[agent] = f"round {number} done"
            case StrategyStep(agent=agent, message=message) if agent in self._needs:
                self._doing[agent] = message
            case ToolCalled(agent=agent, tool=tool) if agent in self._needs:
                self._doing[agent] = f"calls {tool}"
            case FellBack(agent=agent, to=model) as what:
                self._warn(warning(what))
                self._models[agent] = model

    def _warn(self, message: str) -> None:
        self._console.print(_text(f"warning: {message}", "yellow"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        done = f"{len(self._ended)}/{len(self._needs)} agents"
        cost = dollars(self._usd) + (f" and {self._unpriced} calls without a price" if self._unpriced else "")
        took = seconds(time() - self._began)
        head = _text(f"{self._name}  {done}  {self._tokens} tokens  {cost}  {took}", "bold")
        head.no_wrap, head.overflow = True, "ellipsis"
        yield head
        yield self._table(options.max_width, max(3, console.height - 4))

    def _table(self, width: int, room: int) -> Table:
        """One row per agent while they fit, one per layer otherwise."""
        names = [(depth, name) for depth, layer in enumerate(self._layers, 1) for name in layer]
        if len(names) > room:
            table = _grid(3, 0)
            for depth in self._layers_in_view(room):
                table.add_row(str(depth + 1), *self._layer(self._layers[depth]))
            return table
        shown = (0, 5, 6) if width < _NARROW else tuple(range(_CELLS))
        table, before = _grid(len(shown) - 1, len(shown) - 3), 0
        for depth, name in names:
            cells = self._agent(name, width)
            table.add_row("" if depth == before else str(depth), *(cells[place] for place in shown))
            before = depth
        return table

    def _layers_in_view(self, room: int) -> range:
        """As many layers as there is room for, the first that is not done near the top."""
        done = (all(name in self._ended for name in layer) for layer in self._layers)
        at_work = next((depth for depth, is_done in enumerate(done) if not is_done), len(self._layers))
        first = max(0, min(at_work - 1, len(self._layers) - room))
        return range(first, min(len(self._layers), first + room))

    def _layer(self, layer: tuple[str, ...]) -> list[Text]:
        marks = [mark(self._ended[name]) for name in layer if name in self._ended]
        signs = "  ".join(f"{marks.count(sign)}{sign}" for sign in "✓✗–" if sign in marks)
        running = [name for name in layer if name in self._started and name not in self._ended]
        return [
            _text(layer[0] if len(layer) == 1 else f"{len(layer)} agents"),
            _text(signs),
            _text(f"{len(running)} running" if running else ""),
            _text(", ".join(running), "dim"),
        ]

    def _agent(self, name: str, width: int) -> list[Text]:
        narrow = width < _NARROW
        # What names may take is bounded, so that layers, marks and times stay readable.
        shown, outcome = one_line(name, width // 4 if narrow else width // 3), self._ended.get(name)
        model = self._models.get(name, "")
        if outcome is not None:
            sign = _text(f"{mark(outcome)} {shown}", _COLOURS[type(outcome)])
            said = _text(result_line(outcome, width))
            if isinstance(outcome, Skipped):
                return [sign, _text("skipped"), *_empty(4), said]
            effort = outcome.effort
            sure = outcome.confidence if isinstance(outcome, Answered) else None
            return [
                sign,
                _text(one_line(effort.model or model, width // 4)),
                _text(f"{effort.usage.input_tokens}+{effort.usage.output_tokens}" if effort.model else ""),
                _text(dollars(effort.cost_usd) if effort.cost_usd else ""),
                _text("" if sure is None else f"{sure:.0%}"),
                _text(seconds(effort.duration_s)),
                said,
            ]
        if name not in self._started:
            needs = f"waits for {', '.join(self._needs.get(name, ()))}"
            return [_text(f"· {shown}", "dim"), *_empty(5), _text(needs, "dim")]
        since = seconds(time() - self._started[name])
        doing = _text(one_line(self._doing.get(name, ""), width), "dim")
        asked = _text(one_line(model, width // 4))
        return [_text(f"▶ {shown}", "cyan"), asked, *_empty(3), _text(since), doing]


def _grid(columns: int, figures: int) -> Table:
    """A column for the layer, so many others, the last of them `figures`, and one that takes what is left."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False, expand=True)
    for place in range(columns + 1):
        justify: Literal["left", "right"] = "right" if place > columns - figures else "left"
        table.add_column(no_wrap=True, overflow="ellipsis", justify=justify)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    return table


def _empty(count: int) -> list[Text]:
    return [Text("")] * count


def _text(text: str, style: str = "") -> Text:
    """Never markup, and never what the terminal would obey."""
    return Text(safe(text), style=style)
