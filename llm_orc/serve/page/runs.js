// The list of runs: search, filters, and two runs to compare.

import { ago, ask, clean, count, dollars, fill, h, put, seconds, set } from "./dom.js";
import { themeButton } from "./theme.js";

const STATUSES = ["running", "succeeded", "partial", "failed", "interrupted", "killed"];
const SIGN = { running: "▶", succeeded: "✓", failed: "✗", partial: "◐", interrupted: "■", killed: "☠" };
const PAGE = 50;
const AGAIN = 2000;

export class RunList {
  constructor(root, top) {
    const given = new URLSearchParams(location.search);
    this.limit = PAGE;
    this.chosen = new Set(given.get("compare") ? [given.get("compare")] : []);
    this.find = h("input", { type: "search", value: given.get("q") ?? "", placeholder: "Search runs, agents, models, inputs, outputs, errors", "aria-label": "Search runs", oninput: () => this.changed() });
    this.status = h("select", { "aria-label": "Status", onchange: () => this.changed() }, h("option", { value: "" }, "any status"), STATUSES.map((each) => h("option", { value: each }, each)));
    this.ensemble = h("select", { "aria-label": "Ensemble", onchange: () => this.changed() }, h("option", { value: "" }, "any ensemble"));
    this.wanted = given.get("ensemble") ?? "";
    this.status.value = given.get("status") ?? "";
    this.compare = h("button", { type: "button", disabled: true, onclick: () => this.go() }, "Compare two");
    this.note = h("p", { class: "aside" });
    this.body = h("tbody");
    this.more = h("button", { type: "button", hidden: true, onclick: () => ((this.limit += PAGE), this.load()) }, "Older runs");
    this.link = h("span", { class: "link-state", role: "status" });
    fill(top, h("a", { class: "brand", href: "/" }, "llm-orc"), h("div", { class: "what" }, h("h1", {}, "Runs"), this.link), h("div", { class: "actions" }, themeButton()));
    fill(root, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, this.find, this.status, this.ensemble, this.compare), this.note,
      h("table", { class: "runs" }, h("caption", { class: "unseen" }, "Runs, the newest first"),
        h("thead", {}, h("tr", {}, ["", "status", "ensemble", "input", "began", "took", "calls", "tokens", "cost"].map((title) => h("th", { scope: "col" }, title || h("span", { class: "unseen" }, "compare"))))), this.body), this.more);
    this.rows = new Map();
  }

  async start() {
    document.title = "Runs · llm-orc";
    await this.load();
    let tick = 0;
    setInterval(() => {
      tick += 1;
      // Searching reads all of the journal: less often.
      if (!document.hidden && (!this.find.value || tick % 5 === 0)) this.load();
    }, AGAIN);
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && document.activeElement !== this.find) {
        event.preventDefault();
        this.find.focus();
      }
    });
  }

  changed() {
    this.limit = PAGE;
    this.wanted = this.ensemble.value;
    this.keep();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), 150);
  }

  /** The address has what is searched for: it can be passed on, and Back returns to it. */
  keep() {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of [["q", this.find.value], ["status", this.status.value], ["ensemble", this.wanted]]) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    history.replaceState(null, "", `${location.pathname}${String(query) && `?${query}`}`);
  }

  async load() {
    const query = new URLSearchParams({ limit: this.limit });
    if (this.find.value) query.set("q", this.find.value);
    if (this.status.value) query.set("status", this.status.value);
    if (this.wanted) query.set("ensemble", this.wanted);
    const asked = (this.asked = query.toString());
    let found;
    try {
      found = await ask(`/api/runs?${asked}`);
    } catch (error) {
      put(this.link, `${error.message}: trying again…`);
      return;
    }
    if (asked !== this.asked) return;
    put(this.link, "");
    this.ensembles(found.ensembles);
    this.show(found);
  }

  ensembles(names) {
    const known = [...this.ensemble.options].slice(1).map((option) => option.value);
    if (known.join("\n") !== names.join("\n")) fill(this.ensemble, h("option", { value: "" }, "any ensemble"), names.map((name) => h("option", { value: name }, name)));
    this.ensemble.value = this.wanted;
  }

  show({ runs, more, journal }) {
    const rows = runs.map((run) => this.row(run));
    // Rows stay the same elements, so that a focus or a selection survives.
    if (rows.some((row, i) => this.body.children[i] !== row) || this.body.children.length !== rows.length) fill(this.body, rows);
    this.more.hidden = !more;
    const filtered = this.find.value || this.status.value || this.wanted;
    put(this.note, runs.length ? `${runs.length}${more ? " newest" : ""} ${filtered ? "that match, " : ""}in ${journal}` : filtered ? "No run matches." : `No runs are recorded in ${journal} yet. Try: llm-orc invoke quickstart`);
    put(this.compare, this.chosen.size === 1 ? "Compare: choose another one" : "Compare two");
    this.compare.disabled = this.chosen.size !== 2;
  }

  row(run) {
    let row = this.rows.get(run.run_id);
    if (!row) {
      const box = h("input", { type: "checkbox", "aria-label": `Compare ${run.ensemble} ${run.run_id}`, checked: this.chosen.has(run.run_id), onchange: () => this.pick(run.run_id, box.checked) });
      row = h("tr", { onclick: (event) => event.target.closest("a,input") || this.open(event, run.run_id) }, h("td", {}, box), h("td", {}, h("span", { class: "chip" })), h("th", { scope: "row" }, h("a", { href: `/runs/${encodeURIComponent(run.run_id)}` })), h("td", { class: "input" }),
        h("td", {}), h("td", { class: "n" }), h("td", { class: "n" }), h("td", { class: "n" }), h("td", { class: "n" }));
      row.box = box;
      this.rows.set(run.run_id, row);
    }
    const cells = row.children;
    row.box.checked = this.chosen.has(run.run_id);
    put(cells[1].firstChild, `${SIGN[run.status] ?? ""} ${run.status}`);
    set(cells[1].firstChild, "class", `chip run-${run.status}`);
    put(cells[2].firstChild, run.ensemble);
    const said = run.error?.message ? `${run.input}  ✗ ${run.error.message}` : run.input;
    put(cells[3], said);
    set(cells[3], "title", clean(said));
    put(cells[4], ago(run.started_at));
    set(cells[4], "title", run.started_at);
    const usage = run.usage.input_tokens + run.usage.output_tokens;
    const took = run.duration_s ?? (run.status === "running" ? (Date.now() - Date.parse(run.started_at)) / 1000 - run.idle_s : null);
    [took === null ? "–" : seconds(took), count(run.calls), usage ? count(usage) : "0", dollars(run.cost_usd)].forEach((value, i) => put(cells[5 + i], value));
    return row;
  }

  open(event, id) {
    if (String(getSelection())) return;
    const to = `/runs/${encodeURIComponent(id)}`;
    if (event.ctrlKey || event.metaKey) open(to, "_blank", "noopener");
    else location.assign(to);
  }

  pick(id, yes) {
    if (yes) this.chosen.add(id);
    else this.chosen.delete(id);
    if (this.chosen.size > 2) this.chosen.delete(this.chosen.values().next().value);
    this.load();
  }

  go() {
    const [a, b] = [...this.chosen].sort();
    location.assign(`/compare/${encodeURIComponent(a)}/${encodeURIComponent(b)}`);
  }
}
