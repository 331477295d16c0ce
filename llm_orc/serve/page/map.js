// The DAG: cards where the layout of `llm-orc graph` puts them, edges that light up as data flows, zoom and pan.

import { detail, farSizes, relabel, paint, parts } from "./card.js";
import { h, put, set, svg } from "./dom.js";

const FAR = 0.45;
const STEP = 0.85; // of the scale, at which labels that are seen from afar are cut anew

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
    this.told = h("p", { class: "hint", role: "status", hidden: true });
    this.element = h("section", { class: "stage", "aria-label": "Map of the run" }, this.picture, this.told,
      h("div", { class: "tools" }, this.fold,
        button("Zoom in (+)", "+", () => this.zoom(1.3)), button("Zoom out (-)", "−", () => this.zoom(1 / 1.3)),
        button("Show all (0)", "⤢", () => this.fit())));
    this.listen();
  }

  /** What is to be said while there is no map, or another one is on its way. */
  hint(text) {
    put(this.told, text);
    this.told.hidden = !text;
  }

  draw(map, run) {
    Object.assign(this, { map, run });
    this.fold.value = map.fold;
    // Asked for while there is little to lay out.
    this.size();
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
    this.far = undefined;
    this.fit();
    this.update(run, this.cardOf.keys());
    this.layer.replaceChildren(edges, nodes);
    this.select(this.selected, false);
    this.focusable(this.cards.values().next().value);
    this.hint("");
  }

  card(card, about) {
    const { width, height } = card;
    const many = card.members.length > 1;
    const texts = parts();
    const label = many ? `${card.members.length} agents: ${card.members[0]} …` : card.id;
    const behind = svg("rect", { class: "box behind", x: 5, y: 5, width, height, rx: 8, visibility: "hidden" });
    const element = svg("g", {
      class: "card", tabindex: "-1", role: "button", transform: `translate(${card.x - width / 2} ${card.y - height / 2})`,
    },
      svg("title", {}, many ? card.members.slice(0, 20).join(", ") + (card.members.length > 20 ? " …" : "") : card.id),
      behind,
      svg("rect", { class: "box", width, height, rx: 8 }), svg("rect", { class: "edge-of", width: 4, height: height - 14, x: 0, y: 7, rx: 2 }),
      about?.output && svg("path", { class: "out", d: `M${width / 2 - 4} ${height + 3}h8l-4 5z` }),
      Object.values(texts));
    const drawn = { ...card, ...texts, element, behind, label, about };
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
    this.run = run;
    const cards = new Set();
    for (const name of names) if (this.cardOf.has(name)) cards.add(this.cardOf.get(name));
    for (const card of cards) paint(run, card);
    const edges = new Set();
    for (const card of cards) for (const edge of this.between.get(card.id) ?? []) edges.add(edge);
    for (const edge of edges) this.light(run, edge);
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

  focusable(card) {
    if (!card) return;
    if (this.tabbed) set(this.tabbed.element, "tabindex", "-1");
    this.tabbed = card;
    set(card.element, "tabindex", "0");
  }

  // ---- zoom and pan -------------------------------------------------------------------------------------

  size() {
    this.box ??= { width: this.picture.clientWidth || 800, height: this.picture.clientHeight || 500 };
    return this.box;
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
    const far = view.k < FAR ? Math.round(Math.log(view.k) / Math.log(STEP)) : null;
    if (far !== this.far) this.label(far);
  }

  /** `far` counts how far away it is seen from; null from near. */
  label(far) {
    this.far = far;
    const k = far === null ? null : STEP ** far;
    this.picture.classList.toggle("far", k !== null);
    if (k !== null) for (const [what, size] of Object.entries(farSizes(k))) this.layer.style.setProperty(`--far-${what}`, `${size.toFixed(1)}px`);
    for (const card of this.cards.values()) {
      relabel(card, k);
      if (k !== null || card.lines) continue;
      detail(card);
      paint(this.run, card);
    }
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
    new ResizeObserver(() => {
      this.box = null;
      if (!this.moved) this.fit();
    }).observe(this.picture);
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
