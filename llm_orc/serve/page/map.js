// The DAG: cards where the layout of `llm-orc graph` puts them, edges that light up as data flows, zoom and pan.

import { count, dollars, fits, h, put, seconds, set, share, svg } from "./dom.js";
import { agentOf, MARKS, standing, took } from "./state.js";

const NAME = "600 14px system-ui, sans-serif";
const LINE = "12px system-ui, sans-serif";
const ORDER = ["failed", "running", "stopped", "ready", "waiting", "skipped", "cached", "succeeded"];
const FAR = 0.42;
const WORTH_SHOWING = 0.001; // dollars; the drawer has smaller costs

export class Map2D {
  /** `chosen(name)` is called when an agent is selected, `wanted(fold)` when another map is. */
  constructor(chosen, wanted) {
    this.chosen = chosen;
    this.cards = new Map();
    this.cardOf = new Map();
    this.view = { x: 0, y: 0, k: 1 };
    this.selected = null;
    this.edges = [];
    this.layer = svg("g");
    this.picture = svg("svg", { class: "map", role: "group", "aria-label": "agents and what they depend on" }, this.layer);
    this.fold = h("select", { "aria-label": "How agents are folded", onchange: () => wanted(this.fold.value) },
      h("option", { value: "none" }, "Every agent"),
      h("option", { value: "twins" }, "Alike agents folded"),
      h("option", { value: "layers" }, "A card per layer"));
    const button = (label, sign, act) => h("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick: act }, sign);
    this.element = h("section", { class: "stage", "aria-label": "Map of the run" }, this.picture,
      h("div", { class: "tools" }, this.fold,
        button("Zoom in (+)", "+", () => this.zoom(1.3)), button("Zoom out (-)", "−", () => this.zoom(1 / 1.3)),
        button("Show all (0)", "⤢", () => this.fit())));
    this.listen();
  }

  draw(map, run) {
    this.map = map;
    this.fold.value = map.fold;
    this.cards.clear();
    this.cardOf.clear();
    this.between = new Map();
    const edges = svg("g", { class: "edges" });
    this.edges = map.edges.map((edge) => {
      const path = svg("path", { class: "edge", d: curve(edge.points) });
      edges.append(path);
      const found = { ...edge, path, state: "" };
      for (const end of [edge.from, edge.to]) {
        if (!this.between.has(end)) this.between.set(end, []);
        this.between.get(end).push(found);
      }
      return found;
    });
    const nodes = svg("g");
    for (const card of map.cards) {
      const drawn = this.card(card, map.agents?.[card.id]);
      this.cards.set(card.id, drawn);
      for (const name of card.members) this.cardOf.set(name, drawn);
      nodes.append(drawn.element);
    }
    this.layer.replaceChildren(edges, nodes);
    this.update(run, run.top);
    this.select(this.selected, false);
    this.focusable(this.cards.values().next().value);
    this.fit();
  }

  card(card, about) {
    const { width, height } = card;
    const many = card.members.length > 1;
    const parts = {
      mark: svg("text", { class: "mark", x: 18, y: 21, "text-anchor": "middle" }),
      name: svg("text", { class: "name", x: 32, y: 21 }),
      model: svg("text", { class: "line", x: 32, y: 38 }),
      sure: svg("text", { class: "line", x: width - 12, y: 38, "text-anchor": "end" }),
      spent: svg("text", { class: "line", x: 32, y: 54 }),
      meta: svg("text", { class: "line strong", x: width - 12, y: 54, "text-anchor": "end" }),
      rail: svg("rect", { class: "rail", x: 32, y: height - 4, width: width - 44, height: 3, rx: 1.5 }),
      bar: svg("rect", { class: "bar", x: 32, y: height - 4, width: 0, height: 3, rx: 1.5 }),
    };
    const label = many ? `${card.members.length} agents: ${card.members[0]} …` : card.id;
    put(parts.name, fits(label, width - 44, NAME));
    const element = svg("g", {
      class: "card", tabindex: "-1", role: "button", transform: `translate(${card.x - width / 2} ${card.y - height / 2})`,
    },
      svg("title", {}, many ? card.members.slice(0, 20).join(", ") + (card.members.length > 20 ? " …" : "") : card.id),
      many && svg("rect", { class: "box behind", x: 5, y: 5, width, height, rx: 8 }),
      svg("rect", { class: "box", width, height, rx: 8 }), svg("rect", { class: "edge-of", width: 4, height: height - 14, x: 0, y: 7, rx: 2 }),
      about?.output && svg("path", { class: "out", d: `M${width / 2 - 4} ${height + 3}h8l-4 5z` }),
      Object.values(parts));
    const drawn = { ...card, ...parts, element, label, about, state: "" };
    element.addEventListener("click", () => this.choose(drawn));
    element.addEventListener("focus", () => this.focusable(drawn));
    return drawn;
  }

  choose(card) {
    if (!card) return;
    this.chosen(card.members.length === 1 ? card.id : { members: card.members });
  }

  /** Show what these agents have become. */
  update(run, names) {
    const cards = new Set();
    for (const name of names) if (this.cardOf.has(name)) cards.add(this.cardOf.get(name));
    for (const card of cards) this.paint(run, card);
    const edges = new Set();
    for (const card of cards) for (const edge of this.between.get(card.id) ?? []) edges.add(edge);
    for (const edge of edges) this.light(run, edge);
  }

  paint(run, card) {
    const agents = card.members.map((name) => agentOf(run, name));
    const states = agents.map((agent) => standing(run, agent));
    const state = ORDER.find((each) => states.includes(each)) ?? "waiting";
    if (state !== card.state) {
      set(card.element, "class", `card is-${state}`);
      put(card.mark, MARKS[state]);
      card.state = state;
    }
    const { line, sure = "", spent, meta, part } = agents.length > 1 ? several(states) : single(run, agents[0], state, card.about);
    const shown = [line, sure && `${sure} sure`, spent, meta].filter(Boolean).join(", ");
    if (card.shown !== shown) {
      card.shown = shown;
      put(card.model, fits(line, card.width - 46 - sure.length * 8, LINE));
      put(card.sure, sure);
      put(card.spent, fits(spent, card.width - 50 - meta.length * 6.4, LINE));
      put(card.meta, meta);
    }
    set(card.element, "aria-label", `${card.label}: ${state}${shown ? `, ${shown}` : ""}`);
    set(card.rail, "visibility", part === null ? "hidden" : null);
    set(card.bar, "visibility", part === null ? "hidden" : null);
    set(card.bar, "width", Math.round((card.width - 44) * Math.min(1, part ?? 0)));
  }

  light(run, edge) {
    const done = this.cards.get(edge.from).members.some((name) => /succeeded|cached/.test(run.agents.get(name)?.status));
    const to = this.cards.get(edge.to).members.map((name) => run.agents.get(name)?.status);
    const state = !done ? "" : to.includes("running") && run.status === "running" ? "flows" : to.some((s) => s && s !== "waiting" && s !== "skipped") ? "passed" : "offered";
    if (state === edge.state) return;
    edge.state = state;
    set(edge.path, "class", `edge ${state}`);
  }

  select(name, show = true) {
    this.selected = name;
    const own = this.cardOf.get(name);
    for (const card of this.cards.values()) card.element.classList.toggle("chosen", card === own);
    for (const edge of this.edges) edge.path.classList.toggle("near", own !== undefined && (edge.from === own.id || edge.to === own.id));
    if (own && show) this.reveal(own);
  }

  highlight(names) {
    const path = new Set(names);
    for (const edge of this.edges) edge.path.classList.toggle("critical", path.has(edge.from) && path.has(edge.to));
    for (const card of this.cards.values()) card.element.classList.toggle("critical", path.has(card.id));
  }

  focusable(card) {
    if (!card) return;
    if (this.tabbed) set(this.tabbed.element, "tabindex", "-1");
    this.tabbed = card;
    set(card.element, "tabindex", "0");
  }

  // ---- zoom and pan -------------------------------------------------------------------------------------

  size() {
    return { width: this.picture.clientWidth || 800, height: this.picture.clientHeight || 500 };
  }

  fit() {
    if (!this.map) return;
    const { width, height } = this.size();
    const k = Math.min(1.15, width / this.map.width, height / this.map.height);
    this.moved = false;
    this.place({ k, x: (width - this.map.width * k) / 2, y: Math.max(0, (height - this.map.height * k) / 2) });
  }

  place(view) {
    this.view = view;
    set(this.layer, "transform", `translate(${view.x.toFixed(1)} ${view.y.toFixed(1)}) scale(${view.k.toFixed(4)})`);
    this.picture.classList.toggle("far", view.k < FAR);
  }

  zoom(by, at) {
    const { width, height } = this.size();
    const { x, y } = at ?? { x: width / 2, y: height / 2 };
    const k = Math.min(3, Math.max(0.03, this.view.k * by));
    const ratio = k / this.view.k;
    this.moved = true;
    this.place({ k, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio });
  }

  reveal(card) {
    const { width, height } = this.size();
    const k = this.view.k < FAR ? 0.8 : this.view.k;
    const x = this.view.x + card.x * k, y = this.view.y + card.y * k;
    const inside = k === this.view.k && x > 60 && y > 40 && x < width - 60 && y < height - 40;
    if (!inside) this.place({ k, x: width / 2 - card.x * k, y: height / 2 - card.y * k });
  }

  listen() {
    this.picture.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = this.picture.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), { x: event.clientX - box.left, y: event.clientY - box.top });
    }, { passive: false });
    let from = null;
    this.picture.addEventListener("pointerdown", (event) => {
      if (event.button === 0) from = { x: event.clientX, y: event.clientY, view: this.view, moved: false };
    });
    this.picture.addEventListener("pointermove", (event) => {
      if (!from) return;
      const dx = event.clientX - from.x, dy = event.clientY - from.y;
      if (!from.moved && Math.hypot(dx, dy) < 4) return;
      if (!from.moved) this.picture.setPointerCapture(event.pointerId);
      from.moved = this.moved = true;
      this.place({ ...from.view, x: from.view.x + dx, y: from.view.y + dy });
    });
    const up = () => (from = null);
    this.picture.addEventListener("pointerup", up);
    this.picture.addEventListener("pointercancel", up);
    this.picture.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.moved || this.fit()).observe(this.picture);
  }

  key(event) {
    const card = [...this.cards.values()].find((each) => each.element === document.activeElement);
    if (event.key === "Enter" || event.key === " ") this.choose(card);
    else if (event.key === "+" || event.key === "=") this.zoom(1.3);
    else if (event.key === "-") this.zoom(1 / 1.3);
    else if (event.key === "0") this.fit();
    else if (event.key.startsWith("Arrow") && card) this.step(card, event.key);
    else return;
    event.preventDefault();
  }

  /** Up and down follow edges, left and right stay in the row. */
  step(card, key) {
    const all = [...this.cards.values()];
    const ends = (way) => this.edges.filter((e) => e[way === "up" ? "to" : "from"] === card.id).map((e) => this.cards.get(e[way === "up" ? "from" : "to"]));
    const near = (found) => found.sort((a, b) => Math.abs(a.x - card.x) - Math.abs(b.x - card.x))[0];
    const row = all.filter((each) => each.row === card.row);
    const next = {
      ArrowUp: () => near(ends("up")), ArrowDown: () => near(ends("down")),
      ArrowLeft: () => near(row.filter((each) => each.x < card.x)), ArrowRight: () => near(row.filter((each) => each.x > card.x)),
    }[key]?.();
    if (!next) return;
    this.focusable(next);
    next.element.focus({ preventScroll: true });
    this.reveal(next);
  }
}

function several(states) {
  const counted = ORDER.map((state) => [state, states.filter((each) => each === state).length]).filter(([, n]) => n);
  const done = states.filter((state) => state === "succeeded" || state === "cached").length;
  return { line: counted.map(([state, n]) => `${n} ${MARKS[state]}`).join("   "), spent: "", meta: `${done}/${states.length}`, part: done / states.length };
}

function single(run, agent, state, about) {
  const { progress } = agent;
  const line = agent.model ?? about?.served_by ?? (agent.started !== null && agent.ended !== null && !agent.calls.length ? "script" : "");
  let meta = "";
  const spent = [];
  const sure = agent.confidence === null || agent.confidence === undefined ? "" : share(agent.confidence);
  if (agent.input + agent.output) spent.push(`${count(agent.input + agent.output)} tok`);
  if (agent.cost >= WORTH_SHOWING) spent.push(dollars(agent.cost));
  if (agent.retries) spent.push(`↻${agent.retries}`);
  if (state === "running") {
    if (progress) meta = `${progress.done + progress.failed}/${progress.total}`;
    else if (agent.open.size > 1) meta = `${agent.open.size} calls`;
    if (agent.doing && (!agent.model || !spent.length)) spent.push(agent.doing);
  } else if (agent.started !== null && agent.ended !== null) meta = seconds(took(run, agent));
  if (state === "ready") spent.push("waits for its turn");
  if (state === "failed" && agent.error) spent.unshift(agent.error.kind);
  return { line, sure, spent: spent.join(" · "), meta, part: progress && state === "running" ? (progress.done + progress.failed) / Math.max(1, progress.total) : null };
}

function curve(points) {
  let [x, y] = points[0];
  let path = `M${x} ${y}`;
  for (const [toX, toY] of points.slice(1)) {
    const middle = (y + toY) / 2;
    path += toX === x ? `V${toY}` : `C${x} ${middle} ${toX} ${middle} ${toX} ${toY}`;
    [x, y] = [toX, toY];
  }
  return path;
}
