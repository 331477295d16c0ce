// Two runs side by side: what differs in cost, in agents, in outputs, and in the file.

import { apply, newRun } from "./state.js";
import { isDefault, spentBy, standing, took } from "./figures.js";
import { ask, asText, count, dollars, fill, h, runPath, seconds } from "./dom.js";
import { difference } from "./difference.js";
import { themeButton } from "./theme.js";

const FEW = 40;

export class Compare {
  constructor(root, top, a, b) {
    Object.assign(this, { root, ids: [a, b] });
    fill(top, h("a", { class: "brand", href: "/" }, "llm-orc"), h("div", { class: "what" }, h("h1", {}, "Two runs")), h("div", { class: "actions" }, themeButton()));
  }

  async start() {
    document.title = "Two runs · llm-orc";
    try {
      this.runs = await Promise.all(this.ids.map(loaded));
    } catch (error) {
      return void fill(this.root, h("div", { class: "empty" }, h("h1", {}, "These runs cannot be compared"), h("p", {}, error.message)));
    }
    const [a, b] = this.runs;
    this.agents = this.table(a, b);
    const same = h("input", { type: "checkbox", onchange: () => (this.agents.classList.toggle("all", same.checked)) });
    same.checked = this.agents.rows.length < FEW;
    this.agents.classList.toggle("all", same.checked);
    fill(this.root, h("div", { class: "comparison" }, this.summary(a, b), h("section", {}, h("h2", {}, "Agents ", h("label", { class: "aside" }, same, " also those that are alike")), this.agents),
      this.texts("Inputs", asText(a.about.inputs ?? {}), asText(b.about.inputs ?? {})), this.texts("Output", asText(a.run.result?.output ?? ""), asText(b.run.result?.output ?? "")), this.texts("File", a.about.text ?? "", b.about.text ?? "")));
  }

  summary(a, b) {
    const figures = ({ about, run }) => [about.status, about.duration_s, run.calls, run.input + run.output, run.cost];
    const [first, second] = [figures(a), figures(b)];
    const shown = [(x) => x, seconds, count, count, dollars];
    const rows = ["status", "took", "calls", "tokens", "cost"].map((name, i) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, shown[i](first[i])), h("td", {}, shown[i](second[i])), h("td", {}, i ? relative(first[i], second[i]) : "")));
    const title = ({ about }) => h("th", { scope: "col" }, h("a", { href: `/runs/${encodeURIComponent(about.run_id)}` }, about.ensemble), h("span", { class: "aside" }, ` ${about.started_at.slice(0, 19).replace("T", " ")}`));
    return h("section", {}, h("table", {}, h("thead", {}, h("tr", {}, h("td"), title(a), title(b), h("th", { scope: "col" }, "change"))), h("tbody", {}, rows)));
  }

  table(a, b) {
    const names = [...new Set([...a.run.agents.keys(), ...b.run.agents.keys()])];
    const rows = names.map((name) => {
      const [x, y] = [a, b].map(({ run }) => ({ run, agent: run.agents.get(name) }));
      const cell = ({ run, agent }, ...parts) => h("td", {}, agent ? parts.map((part) => part(run, agent)) : "–");
      const states = [x, y].map(({ run, agent }) => (agent ? standing(run, agent) : ""));
      const outputs = [x, y].map(({ agent }) => (agent?.result === undefined || agent.result === null ? "" : asText(agent.result)));
      const alike = states[0] === states[1] && outputs[0] === outputs[1] && x.agent?.model === y.agent?.model;
      const words = (run, agent) => [h("span", { class: `is-${standing(run, agent)}` }, isDefault(agent) ? "default used" : standing(run, agent)), ` ${agent.model ?? ""} `, h("span", { class: "aside" }, [agent.started === null ? "" : seconds(took(run, agent)), spentBy(agent).calls ? `${count(spentBy(agent).input + spentBy(agent).output)} tok` : ""].filter(Boolean).join(" · "))];
      const row = h("tr", { class: alike ? "alike" : "" }, h("th", { scope: "row" }, name), cell(x, words), cell(y, words), h("td", {}, outputs[0] === outputs[1] ? "same output" : "output differs"));
      if (outputs[0] === outputs[1]) return row;
      return [row, h("tr", {}, h("td"), h("td", { colspan: 3 }, h("details", {}, h("summary", {}, "Outputs"), difference(outputs[0], outputs[1]))))];
    });
    return h("table", { class: "differences" }, h("thead", {}, h("tr", {}, ["agent", "first", "second", ""].map((title) => h("th", { scope: "col" }, title)))), h("tbody", {}, rows));
  }

  texts(title, a, b) {
    return h("section", {}, h("h2", {}, title, h("span", { class: "aside" }, a === b ? (a ? " the same" : " not there") : "")), a !== b && difference(a, b));
  }
}

function relative(a, b) {
  if (a === null || b === null || a === b) return "";
  const by = b - a;
  return a ? `${by > 0 ? "+" : "−"}${Math.abs((by / a) * 100).toFixed(0)}%` : by > 0 ? "more" : "less";
}

async function loaded(id) {
  const [about, events] = await Promise.all([ask(runPath(id)), ask(runPath(id, "/events?after=0"))]);
  const run = newRun();
  for (const event of events) apply(run, event);
  run.status = about.status;
  return { about, run };
}
