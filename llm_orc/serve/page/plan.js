// Why this model: the router's steps, and which models were in memory when.

import { fill, h, seconds, svg } from "./dom.js";
import { residence } from "./memory.js";

const SHADES = 8;
const SHOWN = 60;

export class Plans {
  constructor(chosen) {
    this.chosen = chosen;
    this.chart = h("div", { class: "vram" });
    this.steps = h("div", { class: "steps" });
    this.element = h("div", { class: "plans" }, this.chart, this.steps);
    this.drawn = -1;
    new ResizeObserver(() => this.shown?.run.plans.length && this.chart.clientWidth && this.memory(this.shown.run, this.shown.about)).observe(this.element);
  }

  show(run, about) {
    this.shown = { run, about };
    if (!run.plans.length) {
      fill(this.element, h("p", { class: "empty" },
        "No plan was made in this run: every agent has one model, or the router is fixed. With a pool of models, each step of the router is shown here: what it chose, its utility, and what was in memory."));
      this.drawn = -1;
      return;
    }
    if (this.drawn < 0) fill(this.element, this.chart, this.steps);
    if (this.drawn !== run.plans.length || run.status === "running") this.memory(run, about);
    if (this.drawn === run.plans.length) return;
    this.drawn = run.plans.length;
    const from = Math.max(0, run.plans.length - SHOWN);
    const open = new Set([...this.steps.querySelectorAll("details[open]")].map((each) => each.dataset.step));
    fill(this.steps, from > 0 && h("p", { class: "about" }, `The last ${SHOWN} of ${run.plans.length} steps.`),
      run.plans.slice(from).map((plan, i) => this.step(run, plan, from + i, open)).reverse());
  }

  step(run, plan, index, open) {
    const before = index ? run.plans[index - 1].resident?.[0] ?? {} : {};
    // Not in the order of keys: those that are numbers would come first.
    const order = [...(plan.ready ?? []), ...(plan.horizon ?? []).flat()];
    const at = ([name, found]) => found.step * 1e6 + (order.includes(name) ? order.indexOf(name) : 1e5);
    const entries = Object.entries(plan.assignments ?? {}).sort((a, b) => at(a) - at(b));
    const now = entries.filter(([, found]) => found.step === 0);
    const details = h("details", { "data-step": plan.step, open: open.has(String(plan.step)) || index === run.plans.length - 1 },
      h("summary", {}, h("b", {}, `Step ${plan.step}`), ` at ${seconds(plan.at - run.began)}: `,
        now.slice(0, 4).map(([name, found]) => `${name} → ${found.model}`).join(", "), now.length > 4 ? `, and ${now.length - 4} more` : "",
        h("span", { class: "aside" }, verdict(plan))),
      plan.note && h("p", { class: "warn" }, plan.note),
      plan.unloaded?.length > 0 && h("p", {}, `Let go to make room: ${plan.unloaded.join(", ")}.`),
      h("table", {}, h("thead", {}, h("tr", {}, ...["agent", "model", "utility", "= quality", "− tokens", "cost", "why"].map((title) => h("th", { scope: "col" }, title)))),
        h("tbody", {}, entries.slice(0, 200).map(([name, found]) => h("tr", { class: found.step ? "later" : "" },
          h("td", {}, h("button", { type: "button", class: "link", onclick: () => this.chosen(name) }, name)), h("td", {}, found.model),
          h("td", { class: "n" }, found.utility.toFixed(3)), h("td", { class: "n" }, found.quality.toFixed(3)), h("td", { class: "n" }, found.token_term.toFixed(3)),
          h("td", { class: "n" }, price(found.usd)), h("td", {}, why(found, plan, before)))))));
    return details;
  }

  memory(run, about) {
    const sizes = about.memory?.vram_gb ?? {};
    const entries = residence(run, (name) => sizes[name] ?? 0, (about.memory?.room_gb ?? []).reduce((sum, each) => sum + each, 0));
    const models = [...new Set(entries.flatMap((each) => Object.keys(each.models)))].sort();
    if (!models.length) return fill(this.chart);
    const known = models.every((name) => sizes[name] > 0);
    const size = (name) => (known ? sizes[name] : 1);
    const room = known ? (about.memory?.room_gb ?? []).reduce((sum, each) => sum + each, 0) : 0;
    const width = Math.max(240, (this.chart.clientWidth || 420) - 30), height = this.element.clientWidth < 980 ? 92 : 130, left = 46;
    const end = run.ended ?? run.now, span = Math.max(0.001, end - run.began);
    const most = Math.max(room, ...entries.map((each) => Object.keys(each.models).reduce((sum, name) => sum + size(name), 0)), 0.001) * 1.08;
    const x = (at) => left + ((at - run.began) / span) * (width - left - 8), y = (gb) => height - 18 - (gb / most) * (height - 30);
    const bars = [];
    entries.forEach((each, i) => {
      const until = entries[i + 1]?.at ?? end;
      let at = 0;
      for (const name of models.filter((one) => one in each.models)) {
        const top = at + size(name);
        bars.push(svg("rect", { class: `shade s${models.indexOf(name) % SHADES}`, x: x(each.at).toFixed(1), width: Math.max(0.5, x(until) - x(each.at)).toFixed(1), y: y(top).toFixed(1), height: Math.max(0.5, y(at) - y(top) - 1).toFixed(1) },
          svg("title", {}, `${name}${known ? `, ${size(name)} GB` : ""}: from ${seconds(each.at - run.began)} to ${seconds(until - run.began)}, ${each.models[name].length ? `on device ${each.models[name].join(", ")}` : "loaded by a call"}`)));
        at = top;
      }
    });
    const unit = known ? "GB" : "models";
    fill(this.chart, h("h3", {}, "Resident models over time"),
      svg("svg", { width, height, role: "img", "aria-label": `Models in memory over time: ${models.join(", ")}` }, bars,
        svg("line", { class: "base", x1: left, x2: width - 8, y1: height - 18, y2: height - 18 }),
        room > 0 && svg("line", { class: "room", x1: left, x2: width - 8, y1: y(room), y2: y(room) }),
        room > 0 && svg("text", { x: left - 6, y: y(room) + 4, "text-anchor": "end" }, `${room} GB`),
        svg("text", { x: left - 6, y: height - 14, "text-anchor": "end" }, `0 ${unit}`),
        svg("text", { x: left, y: height - 3 }, "0"), svg("text", { x: width - 8, y: height - 3, "text-anchor": "end" }, seconds(span))),
      h("ul", { class: "legend" }, models.map((name, i) => h("li", {}, svg("svg", { width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { class: `shade s${i % SHADES}`, width: 12, height: 12, rx: 2 })), name, known && ` ${size(name)} GB`))));
  }
}

function verdict(plan) {
  const bound = plan.objective === null ? "" : plan.bound - plan.objective > 1e-6 ? `, at most ${plan.bound.toFixed(3)} possible` : ", the best there is";
  const value = plan.objective === null ? "" : `objective ${plan.objective.toFixed(3)}${bound}; `;
  return `${value}${plan.solver}, ${plan.solve_ms < 1 ? "<1" : plan.solve_ms.toFixed(0)} ms, ${plan.status}`;
}

/** In words, what spoke for the model at this step. */
export function why(found, plan, before) {
  if (found.step > 0) return `foreseen ${found.step} step${found.step > 1 ? "s" : ""} ahead`;
  const resident = plan.resident?.[0] ?? {};
  const parts = [];
  if (found.model in before) parts.push("in memory already");
  else if (found.model in resident && resident[found.model].length) parts.push("loaded for this step");
  const stays = (plan.resident ?? []).slice(1).filter((each) => found.model in each).length;
  if (stays) parts.push(`stays for ${stays} step${stays > 1 ? "s" : ""} more`);
  return parts.join(", ") || "best utility";
}

/** What else could have served an agent at this step, the best first; null where there was no choice, or none was recorded. */
export function candidates(plan, name, chosen) {
  const weighed = plan.candidates?.[name];
  if (!weighed) return null;
  const best = weighed.find((each) => !each.refused);
  const loads = weighed.some((each) => each.switch_term > 0);
  const figure = (value) => h("td", { class: "n" }, value.toFixed(3));
  return [h("table", { class: "candidates" },
    h("thead", {}, h("tr", {}, ...["model", "utility", "= quality", "− tokens", loads && "loading", "cost"].filter(Boolean).map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, weighed.map((each) => h("tr", { class: each.model === chosen ? "chosen" : each.refused ? "later" : "" },
      h("td", {}, each.model === chosen ? "✓ " : "", each.model),
      each.refused ? h("td", { colspan: loads ? 5 : 4 }, each.refused)
        : [figure(each.utility), figure(each.quality), figure(each.token_term), loads && figure(each.switch_term), h("td", { class: "n" }, price(each.usd))])))),
  best && best.model !== chosen && weighed.some((each) => each.model === chosen) && h("p", { class: "aside" },
    `${best.model} has more utility by itself; loading it, or the room for what comes next, would take more than that.`)];
}

const price = (usd) => (usd === null ? "?" : usd ? `$${usd.toFixed(5)}` : "$0");

/** The step that gave an agent its model, and why. */
export function planOf(run, name) {
  for (let i = run.plans.length - 1; i >= 0; i -= 1) {
    const found = run.plans[i].assignments?.[name];
    if (found && found.step === 0) return { plan: run.plans[i], found, why: why(found, run.plans[i], i ? run.plans[i - 1].resident?.[0] ?? {} : {}) };
  }
  return null;
}

