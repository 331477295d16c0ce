// Who worked when: bars by agent or by model, waiting told apart from working, the critical path marked.

import { fill, fits, h, seconds, set, share, svg } from "./dom.js";
import { roundOf } from "./calls.js";
import { atWork, endOf, joined, ownWork, stretches, took, waitsBefore, within } from "./figures.js";
import { criticalPath, innerPath } from "./path.js";

const ROW = 20, NAME = 190, TOP = 24, FONT = "12px system-ui, sans-serif";
const STEPS = [1, 2, 5];

export class Timeline {
  constructor(chosen) {
    this.chosen = chosen;
    this.by = "agents";
    this.axis = svg("svg", { class: "axis", height: TOP, "aria-hidden": "true" });
    this.rows = svg("svg", { class: "bars", role: "img" });
    this.scroller = h("div", { class: "scroller", tabindex: "0", "aria-label": "Time line" }, this.rows);
    this.summary = h("p", { class: "about" });
    this.toggle = h("div", { class: "choice", role: "group", "aria-label": "A row for each" },
      ...["agents", "models"].map((by) => h("button", { type: "button", "aria-pressed": by === this.by, "data-by": by, onclick: () => this.turn(by) }, by === "agents" ? "by agent" : "by model")));
    this.element = h("div", { class: "timeline" },
      h("div", { class: "head" }, this.toggle, this.summary, h("ul", { class: "legend" },
        ...[["wait", "waits"], ["load", "loads a model"], ["work", "a model works"], ["other", "own work"], ["bad", "failed call"], ["lost", "no answer"]]
          .map(([name, text]) => h("li", {}, svg("svg", { width: 14, height: 10, "aria-hidden": "true" }, svg("rect", { class: `seg ${name}`, width: 14, height: 10, rx: 2 })), text)))),
      this.axis, this.scroller);
    // Sizes are told, not asked for: to ask means to lay out all of the page at once.
    this.box = { width: 0, height: 0, top: 0 };
    this.scroller.addEventListener("scroll", () => {
      this.box.top = this.scroller.scrollTop;
      this.draw();
    });
    // The newest rows stay in sight until somebody looks elsewhere.
    this.follows = true;
    for (const kind of ["wheel", "pointerdown", "keydown"]) this.scroller.addEventListener(kind, () => (this.follows = false), { passive: true });
    this.rows.addEventListener("click", (event) => {
      const row = this.list?.[Math.floor((event.clientY - this.rows.getBoundingClientRect().top) / ROW)];
      if (row?.name) this.chosen(row.name);
    });
    new ResizeObserver(([{ contentRect: { width, height } }]) => {
      Object.assign(this.box, { width, height });
      this.draw();
    }).observe(this.scroller);
  }

  turn(by) {
    this.by = by;
    for (const button of this.toggle.children) set(button, "aria-pressed", button.dataset.by === by);
    this.draw();
  }

  show(run, selected) {
    this.run = run;
    this.selected = selected;
    this.draw();
  }

  draw() {
    const run = this.run;
    if (!run || !this.box.width) return;
    if (run.began === null) return this.empty();
    const path = criticalPath(run), inside = new Map();
    this.critical = new Map();
    for (const piece of path) {
      const inner = innerPath(run, piece);
      if (inner.length) inside.set(piece, inner);
      for (const each of [piece, ...inner]) this.critical.set(each.name, [...(this.critical.get(each.name) ?? []), each]);
    }
    this.list = this.by === "agents" ? byAgent(run) : byModel(run);
    const width = Math.max(300, this.box.width - 2);
    const end = run.status === "running" ? Math.max(run.now, run.clock ?? 0) : (run.ended ?? run.now);
    const span = Math.max(0.001, end - run.began);
    const scale = (width - NAME - 90) / span;
    const x = (ts) => NAME + Math.max(0, (ts - run.began) * scale);
    set(this.rows, "width", width);
    set(this.rows, "height", Math.max(1, this.list.length * ROW));
    if (this.follows && run.status === "running") this.follow();
    this.describe(path, inside, span);
    this.scale(x, span, width);
    const first = Math.max(0, Math.floor(this.box.top / ROW) - 2);
    const last = Math.min(this.list.length, first + Math.ceil(this.box.height / ROW) + 5);
    const drawn = [];
    for (let place = first; place < last; place += 1) drawn.push(this.row(this.list[place], place, x, end, width));
    this.rows.replaceChildren(...drawn);
  }

  follow() {
    const top = Math.max(0, this.list.length * ROW - this.box.height);
    if (top === this.box.top) return;
    this.box.top = this.scroller.scrollTop = top;
  }

  empty() {
    this.rows.replaceChildren();
    this.axis.replaceChildren();
    fill(this.summary, "");
    set(this.rows, "aria-label", "Time line: nothing has begun");
  }

  describe(path, inside, span) {
    const run = this.run;
    const busy = joined(path.flatMap((piece) => within(atWork(run, run.agents.get(piece.name)), [[piece.from, piece.to]])));
    const working = busy.reduce((sum, [from, to]) => sum + to - from, 0);
    const text = path.length ? `Critical path: ${told(path, inside)}; ${share(Math.min(1, working / span))} of it at work, the rest waiting.` : "";
    fill(this.summary, text);
    set(this.summary, "title", text);
    set(this.rows, "aria-label", `Time line of ${run.top.length} agents over ${seconds(span)}. ${text}`);
  }

  scale(x, span, width) {
    set(this.axis, "width", width);
    const rough = span / Math.max(2, (width - NAME) / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = (STEPS.find((each) => each * power >= rough) ?? 10) * power;
    const marks = [];
    for (let at = 0; at <= span * 1.0001; at += step) {
      const place = x(this.run.began + at);
      marks.push(svg("line", { x1: place, x2: place, y1: 17, y2: TOP }), svg("text", { x: place, y: 13, "text-anchor": "middle" }, at === 0 ? "0" : seconds(at)));
    }
    const cursor = this.run.replayed ? [svg("line", { class: "cursor", x1: x(this.run.now), x2: x(this.run.now), y1: 0, y2: TOP })] : [];
    this.axis.replaceChildren(...marks, ...cursor);
  }

  row(row, place, x, end, width) {
    const y = place * ROW;
    const critical = row.name && this.critical.get(row.name);
    const group = svg("g", { class: `row${critical ? " critical" : ""}${row.name && row.name === this.selected ? " chosen" : ""}`, transform: `translate(0 ${y})` },
      svg("rect", { class: "hit", width: "100%", height: ROW }),
      svg("text", { class: "who", x: 8 + (row.depth ?? 0) * 12, y: 14 }, fits(row.title, NAME - 20 - (row.depth ?? 0) * 12, FONT)));
    for (const [kind, from, to, title] of row.segments()) {
      const long = Math.max(1.2, x(to ?? end) - x(from));
      const bar = svg("rect", { class: `seg ${kind}`, x: x(from).toFixed(1), y: kind === "other" || kind === "wait" ? 6 : 4, width: long.toFixed(1), height: kind === "other" || kind === "wait" ? 8 : 12, rx: 2 });
      if (title) bar.append(svg("title", {}, title));
      group.append(bar);
    }
    for (const piece of critical || []) {
      group.append(svg("rect", { class: "outline", x: (x(piece.from) - 1.5).toFixed(1), y: 2.5, width: Math.max(4, x(piece.to) - x(piece.from) + 3).toFixed(1), height: 15, rx: 3.5 }));
    }
    if (row.after) {
      const at = x(row.until ?? end) + 6, beside = fits(row.after, width - at - 4, FONT) === row.after;
      group.append(svg("text", beside ? { class: "took", x: at, y: 14 } : { class: "took over", x: width - 4, y: 14, "text-anchor": "end" }, row.after));
    }
    return group;
  }
}

/** Names of a path; what runs in rounds is named once, and a wait that is none for an answer is said. */
function told(path, inside = null) {
  const names = [], rounds = new Map();
  for (const piece of path) {
    const inner = inside?.get(piece), name = piece.name.slice(piece.name.lastIndexOf("/") + 1);
    rounds.set(name, (rounds.get(name) ?? 0) + 1);
    if (rounds.get(name) === 1) names.push(`${name}${inner ? ` (${told(inner)})` : ""}${piece.waited ? ` ${waitedFor(piece.waited)}` : ""}`);
  }
  // Of the agents themselves each attempt at the run is one.
  const most = inside ? 1 : Math.max(...rounds.values());
  return names.slice(0, 6).join(" → ") + (names.length > 6 ? ` → … (${names.length} agents)` : "") + (most > 1 ? `, ${most} times` : "");
}

function waitedFor({ why, model }) {
  if (why === "queue") return `[waited for ${model}]`;
  return why === "room" ? "[waited for room for its model]" : `[waited for ${why === "place" ? "a place" : "its turn"}]`;
}

function byAgent(run) {
  const rows = [];
  for (const agent of run.agents.values()) {
    const waits = waitsBefore(run, agent);
    if (!agent.stretches.length && !waits.length) continue;
    const depth = agent.within ? agent.name.split("/").length - 1 : 0;
    const worked = agent.stretches.length > 0, last = waits.at(-1);
    const after = worked ? `${seconds(took(run, agent))}${agent.status === "failed" ? " ✗" : ""}` : `waits ${last[2]}`;
    rows.push({ name: agent.name, title: agent.name, depth, segments: () => ofAgent(run, agent, waits), after, began: worked ? agent.started : last[0], until: worked ? endOf(run, agent) : null });
  }
  return rows.sort((a, b) => a.began - b.began);
}

/** Made for the rows in sight alone. */
function ofAgent(run, agent, waits) {
  const segments = waits.map(([from, to, what]) => ["wait", from, to, `${to === run.now ? "waits" : "waited"} ${seconds(to - from)} ${what}`]);
  // One that stands for others waits while all of them do.
  const stands = run.parts.has(agent.name);
  if (stands) segments.push(...agent.stretches.map((each) => ["wait", each.from, each.to ?? endOf(run, agent), "all within it waits"]));
  for (const [from, to] of stands ? atWork(run, agent) : ownWork(run, agent)) segments.push(["other", from, to]);
  const ofCalls = agent.calls.flatMap((call) => {
    const round = roundOf(run, agent, call);
    return ofCall(call, endOf(run, agent), round ? `round ${round}, ` : "");
  });
  return [...segments, ...ofCalls.filter(([kind]) => kind === "wait"), ...ofCalls.filter(([kind]) => kind !== "wait")];
}

function byModel(run) {
  const lanes = new Map();
  for (const agent of run.agents.values()) {
    for (const call of agent.calls) {
      if (!lanes.has(call.model)) lanes.set(call.model, []);
      lanes.get(call.model).push({ ...call, agent: agent.name });
    }
  }
  const rows = [];
  for (const [model, calls] of [...lanes].sort()) {
    calls.sort((a, b) => a.start - b.start);
    const free = [];
    calls.forEach((call) => {
      let lane = free.findIndex((until) => until <= call.start);
      if (lane < 0) lane = free.push(0) - 1;
      free[lane] = call.end ?? Infinity;
      (free.rows ??= [])[lane] ??= { title: lane ? "" : `${model} (${calls.length})`, calls: [], depth: 0 };
      free.rows[lane].calls.push(call);
    });
    for (const row of free.rows ?? []) rows.push({ ...row, segments: () => row.calls.flatMap((call) => ofCall(call, run.now, `${call.agent}: `)) });
  }
  return rows;
}

function ofCall(call, end, who = "") {
  const parts = [], spent = call.usage ? `, ${call.usage.input_tokens}+${call.usage.output_tokens} tokens` : "";
  const whole = stretches(call, end);
  const busy = whole.reduce((sum, [from, to, wait]) => sum + (wait ? 0 : to - from), 0);
  for (let [from, to, wait, failed] of whole) {
    if (wait) {
      parts.push(["wait", from, to, `${who}${call.call ? `call ${call.call}` : "a call"} ${wait.why}, ${seconds(to - from)}`]);
      continue;
    }
    if (call.load > 0.002 && to > from) {
      const loaded = Math.min(to, from + call.load);
      parts.push(["load", from, loaded, `${who}${call.model} loaded in ${seconds(call.load)}`]);
      from = loaded;
    }
    const kind = failed ? "bad" : call.lost ? "lost" : call.source && call.source !== "model" ? "cached" : "work";
    const end_ = call.error ? `: ${call.error.message ?? call.error.kind}` : call.lost ? `: no answer, ${call.lost}` : "";
    parts.push([kind, from, to, `${who}${call.model}, call ${call.call}: ${seconds(busy)} at work${spent}${end_}`]);
  }
  return parts;
}
