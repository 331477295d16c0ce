// The page of one run: it loads what has happened, follows what happens, and shows both in the same way.

import { AgentTable, EventList } from "./table.js";
import { ask, fill, h, remember, remembered, runPath, saved, set } from "./dom.js";
import { Drawer } from "./agent.js";
import { FileTab } from "./file.js";
import { Header } from "./header.js";
import { Map2D } from "./map.js";
import { Plans } from "./plan.js";
import { Replay } from "./replay.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";
import { speakOf, speakOfEnd } from "./spoken.js";
import { apply, newRun } from "./state.js";

const FRAME = 60; // ms between drawings
const WHOLE = /^[0-9a-f]{20}$/;

export class RunPage {
  constructor(root, top, id) {
    Object.assign(this, { root, id, about: {}, events: [], selected: null, due: false, drawn: 0, tried: 0, skew: 0 });
    this.live = this.run = newRun();
    this.header = new Header(this, top);
    this.map2d = new Map2D((what) => this.choose(what), (fold) => this.loadMap(fold));
    this.timeline = new Timeline((name) => this.choose(name));
    this.plans = new Plans((name) => this.choose(name));
    this.table = new AgentTable((name) => this.choose(name));
    this.list = new EventList((name) => this.choose(name));
    this.file = new FileTab();
    this.drawer = new Drawer(this);
    this.replay = new Replay(this);
    this.lower();
    this.stream = new Stream(this);
    this.keys = (event) => this.key(event);
    this.named = () => this.follow();
    document.addEventListener("keydown", this.keys);
    addEventListener("hashchange", this.named);
  }

  lower() {
    this.tabs = [
      ["Time line", this.timeline.element, () => this.timeline.show(this.run, this.selected)],
      ["Plan", this.plans.element, () => this.plans.show(this.run, this.about)],
      ["Agents", this.table.element, (names) => this.table.show(this.run, names, this.selected)],
      ["Events", this.list.element, () => this.list.show(this)],
      ["Input, output, file", this.file.element, () => this.file.show(this)],
    ];
    this.tablist = h("div", { role: "tablist", "aria-label": "About the run" }, this.tabs.map(([title], i) => h("button", {
      type: "button", role: "tab", id: `tab${i}`, "aria-controls": `panel${i}`, "aria-selected": i === 0, tabindex: i ? -1 : 0,
      onclick: () => this.tab(i), onkeydown: (event) => this.tabKey(event, i),
    }, title)));
    this.panels = this.tabs.map(([, element], i) => h("div", { role: "tabpanel", id: `panel${i}`, "aria-labelledby": `tab${i}`, hidden: i > 0 }, element));
    this.at = 0;
    this.split = h("div", {
      class: "split", role: "separator", tabindex: "0", "aria-orientation": "horizontal", "aria-label": "Height of the lower part",
      "aria-valuemin": 10, "aria-valuemax": 85, "aria-valuenow": 36, onpointerdown: (event) => this.drag(event),
      onkeydown: (event) => {
        const by = { ArrowUp: 4, ArrowDown: -4 }[event.key];
        if (by) this.height(Number(this.split.getAttribute("aria-valuenow")) + by);
      },
    });
    this.below = h("section", { class: "below", "aria-label": "Details of the run" }, this.split, h("div", { class: "bar" }, this.tablist, this.replay.element), this.panels);
    this.workspace = h("div", { class: "workspace" }, h("div", { class: "upper" }, this.map2d.element, this.drawer.element), this.below);
    this.drawer.element.hidden = true;
    fill(this.root, this.header.banner, this.workspace);
    this.height(Number(remembered("below")) || 36);
  }

  async start() {
    try {
      // A whole id can be asked for all at once; of `last` it has to be known first which run that is.
      if (!WHOLE.test(this.id)) this.name((await ask(runPath(this.id))).run_id);
      const map = this.askMap("auto");
      const [about, events] = await Promise.all([ask(runPath(this.id)), ask(runPath(this.id, "/events?after=0"))]);
      this.about = about;
      this.skew = Date.parse(about.now) - Date.now();
      document.title = `${about.ensemble} · llm-orc`;
      this.status(about.status);
      this.take(events);
      if (!saved) this.stream.open();
      this.timer = setInterval(() => this.run.status === "running" && this.tick(), 500);
      this.drawMap(await map);
      if (location.hash) this.follow();
    } catch (error) {
      this.refused(error);
    }
  }

  /** The address names this run from now on, whatever becomes the last one. */
  name(id) {
    this.id = id;
    if (!saved) history.replaceState(null, "", `/runs/${encodeURIComponent(id)}${location.search}${location.hash}`);
  }

  /** The agent that the address names. */
  follow() {
    let named = location.hash.slice(1);
    try {
      named = decodeURIComponent(named);
    } catch { /* as it stands */ }
    if (named === (this.selected ?? "")) return;
    if (this.live.agents.has(named)) this.choose(named);
    else if (!named && this.selected) this.choose(null);
  }

  /** A pause before another attempt ends without an event. */
  tick() {
    for (const name of this.run.top) {
      const agent = this.run.agents.get(name);
      if (agent?.status === "running" && (agent.retries || agent.inside.asked)) this.run.dirty.add(name);
    }
    this.soon();
  }

  refused(error) {
    fill(this.root, h("div", { class: "empty" }, h("h1", {}, error.status === 404 ? "This run is not there" : "That did not work"),
      h("p", {}, error.message), error.hint && h("p", { class: "hint" }, error.hint), h("p", {}, h("a", { href: "/" }, "All runs"))));
  }

  leave() {
    this.stream.close();
    clearInterval(this.timer);
    this.replay.stop();
    document.removeEventListener("keydown", this.keys);
    removeEventListener("hashchange", this.named);
  }

  // ---- what comes in ------------------------------------------------------------------------------------

  take(events) {
    const before = this.live.status;
    const known = this.live.top.length;
    for (const event of events) {
      if (event.seq <= this.live.seq) continue;
      this.events.push(event);
      apply(this.live, event);
      if (this.timer) speakOf(event, this.live);
    }
    if (this.live.status !== before || (events.length && events.at(-1).type === "run_finished")) this.ended();
    if (!known && this.live.top.length && this.map === undefined && this.timer) this.loadMap("auto");
    if (!this.replay.on) this.soon();
  }

  status(status) {
    if (status === this.live.status || (this.live.result && status === this.live.result.status)) return;
    this.live.status = status;
    // Until another attempt begins no time passes in it.
    if (status !== "running") Object.assign(this.live, { halted: true, now: this.live.heard });
    for (const name of this.live.agents.keys()) this.live.dirty.add(name);
    if (this.timer && (status === "killed" || status === "forgotten")) speakOfEnd(this.live);
    this.ended();
    this.soon();
  }

  async ended() {
    document.title = `${{ running: "▶", succeeded: "✓" }[this.live.status] ?? "✗"} ${this.about.ensemble} · llm-orc`;
    const about = await ask(runPath(this.id)).catch(() => null);
    if (about) this.about = about;
    this.soon();
  }

  askMap(fold) {
    this.map = null;
    this.map2d.hint("Drawing the map…");
    return ask(runPath(this.id, `/map?fold=${fold}`)).catch((error) => void (this.unmapped = error.message));
  }

  async loadMap(fold) {
    this.drawMap(await this.askMap(fold));
  }

  /** None is there before the run has begun: it is asked for again when it has. */
  drawMap(map) {
    this.map = map;
    if (!map) this.map2d.hint(this.unmapped ?? "");
    if (!map) return this.live.top.length && !this.tried++ ? this.loadMap("auto") : undefined;
    this.map2d.draw(map, this.run);
    this.soon();
    return undefined;
  }

  // ---- drawing ------------------------------------------------------------------------------------------

  soon() {
    if (this.due) return;
    this.due = true;
    const wait = Math.max(0, FRAME - (performance.now() - this.drawn));
    setTimeout(() => requestAnimationFrame(() => this.draw()), wait);
  }

  draw() {
    this.due = false;
    this.drawn = performance.now();
    const run = this.run;
    if (run.status === "running" && !run.replayed && !run.halted) run.now = Math.max(run.now, (Date.now() + this.skew) / 1000 - run.shift);
    const dirty = [...run.dirty];
    run.dirty.clear();
    if (this.map && dirty.length) this.map2d.update(run, dirty);
    this.header.show(run);
    this.replay.show();
    this.tabs[this.at][2](dirty);
    if (this.selected) this.drawer.show(run);
    set(document.body, "data-drawn", run.seq);
  }

  /** Another state of the run is to be shown, all of it. */
  turnTo(run) {
    this.run = run;
    for (const name of [...this.map2d.cardOf.keys(), ...run.top]) run.dirty.add(name);
    this.soon();
  }

  shownEvents() {
    return this.replay.on ? this.events.slice(0, this.replay.at) : this.events;
  }

  link(name) {
    return h("button", { type: "button", class: "link", onclick: () => this.choose(name) }, name);
  }

  choose(what) {
    if (what?.members) return this.unfold(what.members);
    const before = this.selected;
    this.selected = what;
    history.replaceState(null, "", what === null ? location.href.split("#")[0] : `#${encodeURIComponent(what)}`);
    this.drawer.element.hidden = what === null;
    this.map2d.select(what);
    if (what !== null) {
      this.drawer.open(this.run, what);
      if (before === null) this.drawer.title.focus({ preventScroll: true });
    } else if (before) this.map2d.cardOf.get(before)?.element.focus({ preventScroll: true });
    this.tabs[this.at][2]([]);
  }

  /** A card that stands for many: list them. */
  unfold(names) {
    this.tab(2);
    this.table.find.value = "";
    this.table.order();
    this.table.rows.get(names[0])?.querySelector("button").focus();
    this.table.rows.get(names[0])?.scrollIntoView({ block: "start" });
  }

  // ---- tabs, keys, sizes --------------------------------------------------------------------------------

  tab(i) {
    this.at = i;
    [...this.tablist.children].forEach((tab, place) => {
      set(tab, "aria-selected", place === i ? "true" : "false");
      set(tab, "tabindex", place === i ? "0" : "-1");
      this.panels[place].hidden = place !== i;
    });
    this.tabs[i][2](null);
  }

  tabKey(event, i) {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: this.tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.tab((to + this.tabs.length) % this.tabs.length);
    this.tablist.children[this.at].focus();
  }

  key(event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && this.selected) return this.choose(null);
    if (typing) return;
    if (/^[1-5]$/.test(event.key)) this.tab(Number(event.key) - 1);
    else if (event.key === "/") {
      event.preventDefault();
      this.tab(2);
      this.table.find.focus();
    } else if (event.key === "f") {
      const failed = this.run.top.find((name) => this.run.agents.get(name)?.status === "failed");
      if (failed) this.choose(failed);
    } else if (event.key === "m") this.map2d.tabbed?.element.focus();
    else if (event.key === "?") this.header.help();
  }

  height(percent) {
    const at = Math.min(85, Math.max(10, percent));
    this.workspace.style.setProperty("--below", `${at}%`);
    set(this.split, "aria-valuenow", Math.round(at));
    remember("below", at);
  }

  drag(event) {
    event.preventDefault();
    const box = this.workspace.getBoundingClientRect();
    const move = (at) => this.height(((box.bottom - at.clientY) / box.height) * 100);
    const up = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  }
}
