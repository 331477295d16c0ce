// Agents as a table, for eyes, keyboards and screen readers alike; and the events as a list.

import { count, fill, h, put, runPath, saved, seconds, set, share } from "./dom.js";
import { costOf } from "./card.js";
import { isDefault, spentBy, standing, took } from "./figures.js";
import { MARKS } from "./state.js";

const COLUMNS = [
  ["agent", (run, a) => a.name], ["state", (run, a) => standing(run, a)], ["model", (run, a) => a.model ?? ""],
  ["calls", (run, a) => spentBy(a).calls], ["tokens", (run, a) => spentBy(a).input + spentBy(a).output], ["cost", (run, a) => spentBy(a).cost],
  ["confidence", (run, a) => a.confidence ?? -1], ["retries", (run, a) => a.retries], ["began", (run, a) => a.started ?? Infinity],
  ["took", (run, a) => took(run, a) ?? -1],
];

export class AgentTable {
  constructor(chosen) {
    this.chosen = chosen;
    this.sort = { column: -1, down: false };
    this.rows = new Map();
    this.head = h("tr", {}, COLUMNS.map(([title], i) => h("th", { scope: "col", "aria-sort": "none" }, h("button", { type: "button", class: "link", onclick: () => this.by(i) }, title))));
    this.body = h("tbody");
    this.find = h("input", { type: "search", placeholder: "Filter agents", "aria-label": "Filter agents", oninput: () => this.order() });
    this.element = h("div", { class: "agents" }, h("div", { class: "head" }, this.find), h("div", { class: "scroller" }, h("table", {}, h("caption", { class: "unseen" }, "Agents of the run"), h("thead", {}, this.head), this.body)));
  }

  by(column) {
    this.sort = { column, down: this.sort.column === column ? !this.sort.down : column > 2 };
    [...this.head.children].forEach((cell, i) => set(cell, "aria-sort", i === column ? (this.sort.down ? "descending" : "ascending") : "none"));
    this.order();
  }

  show(run, names, selected) {
    this.run = run;
    const known = this.rows.size;
    for (const name of names ?? new Set([...this.rows.keys(), ...run.agents.keys()])) this.paint(name);
    for (const [name, row] of this.rows) row.classList.toggle("chosen", name === selected);
    if (this.rows.size !== known || this.sort.column >= 0) this.order();
  }

  paint(name) {
    const run = this.run, agent = run.agents.get(name);
    let row = this.rows.get(name);
    // In a replay it may not have begun yet.
    if (!agent) return void (row && (row.remove(), this.rows.delete(name)));
    if (!row) {
      const deep = agent.within ? agent.name.split("/").length - 1 : 0;
      row = h("tr", {}, h("th", { scope: "row", class: `deep${Math.min(4, deep)}` }, h("button", { type: "button", class: "link", onclick: () => this.chosen(name) }, name)), COLUMNS.slice(1).map(([, ], i) => h("td", { class: i > 1 ? "n" : "" })));
      this.rows.set(name, row);
    }
    const state = standing(run, agent), cells = row.children;
    const progress = agent.progress && state === "running" ? ` ${agent.progress.done + agent.progress.failed}/${agent.progress.total}` : "";
    const all = spentBy(agent);
    const values = [isDefault(agent) ? `${MARKS.byDefault} default used` : `${MARKS[state]} ${state}${progress}`, agent.model ?? "", all.calls || "", all.calls ? count(all.input + all.output) : "",
      all.calls ? costOf(all) : "", agent.confidence === null || agent.confidence === undefined ? "" : share(agent.confidence),
      agent.retries || "", agent.started === null ? "" : seconds(agent.started - run.began), agent.started === null ? "" : seconds(took(run, agent))];
    values.forEach((value, i) => put(cells[i + 1], value));
    set(cells[1], "class", `is-${state}`);
  }

  order() {
    const wanted = this.find.value.trim().toLowerCase();
    const { column, down } = this.sort;
    const names = [...this.rows.keys()];
    if (column >= 0) {
      const key = COLUMNS[column][1];
      const keyed = names.map((name) => [key(this.run, this.run.agents.get(name)), name]);
      keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
      names.splice(0, names.length, ...keyed.map(([, name]) => name));
    } else names.sort((a, b) => place(this.run, a) - place(this.run, b) || (a < b ? -1 : 1));
    for (const name of names) {
      const row = this.rows.get(name);
      row.hidden = wanted !== "" && !`${name} ${row.textContent}`.toLowerCase().includes(wanted);
      this.body.append(row);
    }
  }
}

const place = (run, name) => {
  const outer = run.top.indexOf(name.split("/", 1)[0]);
  return outer < 0 ? Infinity : outer;
};

export class EventList {
  constructor(chosen) {
    this.chosen = chosen;
    this.kind = h("select", { "aria-label": "Type of event", onchange: () => this.show(this.page, true) }, h("option", { value: "" }, "all events"));
    this.find = h("input", { type: "search", placeholder: "Filter events", "aria-label": "Filter events", oninput: () => this.show(this.page, true) });
    this.list = h("ol", { class: "events" });
    this.note = h("span", { class: "aside" });
    this.element = h("div", { class: "eventlist" }, h("div", { class: "head" }, this.kind, this.find, this.note), h("div", { class: "scroller", tabindex: "0", "aria-label": "Events" }, this.list));
    this.drawn = -1;
    this.kinds = new Set();
  }

  show(page, anew = false) {
    this.page = page;
    const events = page.shownEvents();
    if (this.drawn === events.length && !anew) return;
    this.drawn = events.length;
    for (const { type } of events) {
      if (!this.kinds.has(type)) {
        this.kinds.add(type);
        this.kind.append(h("option", { value: type }, type));
      }
    }
    const words = this.find.value.trim().toLowerCase();
    const found = [];
    for (let i = events.length - 1; i >= 0 && found.length < 300; i -= 1) {
      const event = events[i];
      if (this.kind.value && event.type !== this.kind.value) continue;
      if (words && !JSON.stringify(event).toLowerCase().includes(words)) continue;
      found.push(event);
    }
    put(this.note, `${found.length} of ${count(events.length)}, the newest first`);
    fill(this.list, found.map((event) => this.line(event)));
  }

  line(event) {
    const { seq, ts, type, agent, ...rest } = event;
    return h("li", {}, saved ? h("span", { class: "n" }, String(seq)) : h("a", { href: runPath(this.page.id, `/events/${seq}`), target: "_blank", rel: "noopener" }, String(seq)),
      h("time", {}, String(ts).slice(11, 23)), h("b", {}, type),
      agent ? h("button", { type: "button", class: "link", onclick: () => this.chosen(agent) }, agent) : h("span"),
      h("code", {}, JSON.stringify(rest).slice(0, 240)));
  }
}
