// What a card of the map says: state, model, how sure it is, tokens, cost, time, and what it is about.

import { count, dollars, fits, put, seconds, set, share, svg } from "./dom.js";
import { agentOf, MARKS } from "./state.js";
import { forWhat, isDefault, spentBy, standing, took, underWay } from "./figures.js";

const NAME = "600 14px system-ui, sans-serif";
const LINE = "12px system-ui, sans-serif";
const LEFT = 32, SIDE = 12;
export const ORDER = ["failed", "running", "stopped", "ready", "waiting", "skipped", "cached", "succeeded"];

/** What is seen of a card also from afar, still empty. */
export const parts = () => ({
  mark: svg("text", { class: "mark", x: 18, y: 21, "text-anchor": "middle" }),
  name: svg("text", { class: "name", x: LEFT, y: 21 }),
});

/** What is seen from near alone: a large map does without until then. */
export function detail(card) {
  const { width, height } = card, right = { x: width - SIDE, "text-anchor": "end" };
  card.lines = {
    model: svg("text", { class: "line", x: LEFT, y: 38 }), sure: svg("text", { class: "line", ...right, y: 38 }),
    tokens: svg("text", { class: "line", x: LEFT, y: 54 }), cost: svg("text", { class: "line strong", ...right, y: 54 }),
    time: svg("text", { class: "line strong", x: LEFT, y: 70 }), counts: svg("text", { class: "line", ...right, y: 70 }),
    rail: svg("rect", { class: "rail", x: LEFT, y: height - 4, width: width - 44, height: 3, rx: 1.5 }),
    bar: svg("rect", { class: "bar", x: LEFT, y: height - 4, width: 0, height: 3, rx: 1.5 }),
  };
  card.element.append(...Object.values(card.lines));
}

/** Show what the agents of a card have become. */
export function paint(run, card) {
  const agents = card.members.map((name) => agentOf(run, name));
  const states = agents.map((agent) => standing(run, agent));
  const state = ORDER.find((each) => states.includes(each)) ?? "waiting";
  const said = agents.length > 1 ? several(states) : single(run, agents[0], state, card.about);
  const byDefault = state === "succeeded" && agents.some(isDefault);
  set(card.element, "class", `card is-${state}${said.held ? " held" : ""}${byDefault ? " default" : ""}${card.element.classList.contains("chosen") ? " chosen" : ""}`);
  put(card.mark, byDefault ? MARKS.byDefault : MARKS[state]);
  const shown = [said.line, said.sure && `${said.sure} sure`, said.tokens, said.cost, said.time, said.counts].filter(Boolean).join(", ");
  set(card.behind, "visibility", said.stacked ? null : "hidden");
  set(card.element, "aria-label", `${card.label}: ${state}${shown ? `, ${shown}` : ""}`);
  if (card.lines) write(card, said, shown);
}

function write(card, said, shown) {
  const { lines } = card;
  if (lines.shown !== shown) {
    lines.shown = shown;
    for (const [left, right] of [["model", "sure"], ["tokens", "cost"], ["time", "counts"]]) {
      const other = said[right] ?? "";
      put(lines[left], fits(said[left === "model" ? "line" : left] ?? "", card.width - LEFT - SIDE - (other ? 6 + other.length * 6.6 : 0), LINE));
      put(lines[right], other);
    }
  }
  const bare = said.part === null || said.part === undefined;
  set(lines.rail, "visibility", bare ? "hidden" : null);
  set(lines.bar, "visibility", bare ? "hidden" : null);
  set(lines.bar, "width", Math.round((card.width - 44) * Math.min(1, said.part ?? 0)));
}

/** From near the whole name; from afar the mark, and as much of the name as fits beside it. `k` is the scale. */
export function relabel(card, k) {
  const { width, height } = card;
  if (k === null) {
    place(card.mark, 18, 21);
    place(card.name, LEFT, 21);
    return put(card.name, fits(card.label, width - 44, NAME));
  }
  const { mark, name } = farSizes(k);
  const room = width - mark * 1.35 - 8;
  const text = room < name * 2 ? "" : fits(card.label, room, `600 ${name}px system-ui, sans-serif`);
  place(card.mark, text ? mark * 0.7 + 4 : width / 2, height / 2 + mark * 0.36);
  place(card.name, mark * 1.35 + 4, height / 2 + name * 0.36);
  return put(card.name, text);
}

/** Sizes of type in the units of the map, such that they can be seen at a scale. */
export const farSizes = (k) => ({ mark: Math.min(13 / k, 96), name: Math.min(12 / k, 60) });

const place = (text, x, y) => {
  set(text, "x", x);
  set(text, "y", y);
};

function several(states) {
  const counted = ORDER.map((state) => [state, states.filter((each) => each === state).length]).filter(([, n]) => n);
  const done = states.filter((state) => state === "succeeded" || state === "cached").length;
  return { line: counted.map(([state, n]) => `${n} ${MARKS[state]}`).join("   "), time: `${done}/${states.length}`, part: done / states.length, stacked: true };
}

/** Samples and items: how many are done, under way, failed. */
const counted = ({ done, open, failed }) => [done && `${done}✓`, open > 0 && `${open}…`, failed && `${failed}✗`].filter(Boolean).join(" ");

function single(run, agent, state, about) {
  const { progress } = agent, all = spentBy(agent), running = state === "running", found = {};
  found.line = agent.model ?? about?.served_by ?? (agent.started !== null && agent.ended !== null && !agent.calls.length ? "script" : "");
  if (agent.confidence !== null && agent.confidence !== undefined) found.sure = share(agent.confidence);
  if (all.calls) {
    found.tokens = `${count(all.input + all.output)} tok`;
    found.cost = costOf(all);
  }
  const counts = [agent.retries && `↻${agent.retries}`];
  if (progress) counts.push(counted(progress));
  found.stacked = (progress?.total ?? 0) > 1 || (agent.samples > 1 && Boolean(agent.evidence?.votes));
  if (running) {
    const { open, waiting } = underWay(run, agent);
    found.held = open > 0 && waiting === open;
    if (found.held) found.time = open > 1 ? `${open} calls wait` : "a call waits";
    else if (progress) found.time = `${progress.done + progress.failed} of ${progress.total} ${progress.of}`;
    else found.time = agent.doing || (open > 1 ? `${open} calls` : "");
    if (waiting && !found.held && !progress) counts.push(`${waiting} wait`);
  } else if (agent.started !== null && agent.ended !== null) {
    const all_ = (run.ended ?? run.now) - run.began;
    found.time = seconds(took(run, agent)) + (run.status !== "running" && all_ > 0 ? ` · ${share(Math.min(1, took(run, agent) / all_))}` : "");
  }
  found.counts = counts.filter(Boolean).join(" ");
  if (state === "ready") found.time = `waits ${forWhat(agent.held)}`;
  if (state === "failed" && agent.error) found.tokens = agent.error.kind;
  if (isDefault(agent)) found.tokens = "default used";
  if (agent.fallbacks.length) found.line += `, fallback of ${agent.fallbacks[0].model}`;
  found.part = progress && running ? (progress.done + progress.failed) / Math.max(1, progress.total) : null;
  return found;
}

/** What calls cost: those without a price are never taken for free. */
export const costOf = ({ cost, unpriced, calls }) => (unpriced >= calls ? "no price" : dollars(cost) + (unpriced ? " + ?" : ""));
