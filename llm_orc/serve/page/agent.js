// One agent: what it cost and when, why it has its model, what it was asked, what came of it.

import { asText, ask, copy, count, dollars, fill, h, plural, put, runPath, seconds, share, svg } from "./dom.js";
import { candidates, planOf } from "./plan.js";
import { agentOf, causes, MARKS, readyAt, standing, took } from "./state.js";

const LONG = 200_000;

export class Drawer {
  constructor(page) {
    this.page = page;
    this.body = h("div", { class: "body" });
    this.title = h("h2", { tabindex: "-1" });
    this.element = h("aside", { class: "drawer", "aria-label": "Agent" },
      h("header", {}, this.title, h("button", { type: "button", class: "icon", "aria-label": "Close (Escape)", title: "Close (Escape)", onclick: () => this.page.choose(null) }, "✕")), this.body);
    this.name = null;
    this.parts = new Map();
  }

  open(run, name) {
    if (name !== this.name) {
      this.name = name;
      this.parts.clear();
      this.calls = this.whole = null;
      this.asked = -1;
      this.body.replaceChildren();
      this.body.scrollTop = 0;
    }
    this.show(run);
  }

  /** Draw again the parts whose content changed: what is open stays open, what is selected stays selected. */
  show(run) {
    const agent = agentOf(run, this.name);
    const state = standing(run, agent);
    fill(this.title, h("span", { class: `chip is-${state}` }, `${MARKS[state]} ${state}`), " ", this.name);
    this.part("facts", "", () => (this.facts = h("dl")));
    this.tell(facts(run, agent, this.page));
    this.part("error", JSON.stringify([agent.error, agent.status]), () => this.error(run, agent));
    this.part("output", `${agent.seq}${agent.status}${this.whole ? 1 : 0}`, () => this.output(agent));
    this.part("why", `${run.plans.length}`, () => reason(run, agent));
    this.part("evidence", `${agent.seq}${JSON.stringify(agent.evidence)?.length}${this.whole ? 1 : 0}`, () => evidence(this.whole?.evidence ?? agent.evidence, this.page.about));
    this.part("steps", `${agent.steps.length}`, () => list("What the strategy did", agent.steps, (each) => [h("b", {}, each.name), " ", each.text]));
    this.part("tools", `${agent.tools.length}${agent.tools.filter((t) => t.output !== null).length}`, () => list("Tools", agent.tools, tool));
    this.part("calls", `${agent.calls.length}${agent.open.size}${this.calls?.length}`, () => this.called(run, agent));
    this.part("logs", `${agent.logs.length}`, () => list("Log", agent.logs, (text) => h("pre", {}, text)));
  }

  /** Values change many times a second: each in its place, so that a link in there keeps the focus. */
  tell(rows) {
    const told = (this.told ??= new Map());
    if (!this.facts.firstChild) told.clear();
    for (const [name, value] of rows) {
      let row = told.get(name);
      if (!row) {
        row = { dt: h("dt", {}, name), dd: h("dd"), key: null };
        told.set(name, row);
        this.facts.append(row.dt, row.dd);
      }
      row.dt.hidden = row.dd.hidden = !value;
      if (typeof value === "string") put(row.dd, value);
      else if (value && row.key !== value.key) fill(row.dd, value.made());
      row.key = value?.key ?? null;
    }
  }

  part(name, signature, make) {
    let part = this.parts.get(name);
    if (!part) {
      part = { signature: null, element: h("section") };
      this.parts.set(name, part);
      this.body.append(part.element);
    }
    if (part.signature === signature) return;
    part.signature = signature;
    const made = make();
    part.element.hidden = !made;
    fill(part.element, made);
  }

  error(run, agent) {
    if (!agent.error) return null;
    const cause = causes(run).find((each) => each.skipped.includes(agent.name));
    const { kind, message, hint } = agent.error;
    return h("div", { class: agent.status === "skipped" ? "note" : "fault" },
      h("p", {}, h("b", {}, kind), message ? `: ${message}` : ""), hint && h("p", { class: "hint" }, hint),
      cause && h("p", {}, "The cause is ", this.page.link(cause.agent.name), "."));
  }

  output(agent) {
    const value = this.whole ? this.whole.output : agent.result;
    if (agent.status === "waiting" || agent.status === "skipped" || agent.status === "running") return null;
    if (value === null || value === undefined) return this.page.about.keeps_content === false ? quiet("Output", "Content is not kept in this journal.") : null;
    const text = asText(value);
    const button = h("button", { type: "button", class: "small", onclick: () => copy(text, button) }, "Copy");
    return [h("h3", {}, "Output ", button, agent.cut && !this.whole && h("button", { type: "button", class: "small", onclick: () => this.load(agent) }, "Show all of it")),
      h("pre", { class: "output", tabindex: "0" }, text.slice(0, LONG), text.length > LONG && "…")];
  }

  async load(agent) {
    const event = await ask(runPath(this.page.id, `/events/${agent.seq}`)).catch(() => null);
    if (!event || agent.name !== this.name) return;
    this.whole = event.outcome;
    this.show(this.page.run);
  }

  called(run, agent) {
    if (!agent.calls.length) return null;
    const failed = agent.calls.filter((call) => call.error).length;
    const heading = h("h3", {}, `${plural(agent.calls.length, "call")}${failed ? `, ${failed} failed` : ""} `,
      h("button", { type: "button", class: "small", onclick: () => this.fetchCalls(agent) }, this.calls ? "Refresh" : "Show prompts and answers"));
    const rows = this.calls
      ? this.calls.map(recorded)
      : agent.calls.slice(-30).map((call) => h("p", { class: "call" }, `${call.call}. ${call.model} `, h("span", { class: "aside" },
        call.end === null ? "under way" : `${seconds(call.end - call.start)}${call.usage ? ` · ${call.usage.input_tokens}+${call.usage.output_tokens} tokens` : ""}${call.n > 1 ? ` · ${call.n} samples` : ""}${call.load > 0.002 ? ` · loaded in ${seconds(call.load)}` : ""}`),
      call.error && h("span", { class: "bad" }, ` ${call.error.message ?? call.error.kind}`)));
    return [heading, rows, this.more && h("button", { type: "button", class: "small", onclick: () => this.fetchCalls(agent, true) }, "More calls")];
  }

  async fetchCalls(agent, further = false) {
    const after = further ? this.calls.at(-1).id : 0; // a saved page has all of them under 0
    const found = await ask(runPath(this.page.id, `/calls?agent=${encodeURIComponent(agent.name)}&after=${after}`)).catch(() => null);
    if (!found || agent.name !== this.name) return;
    this.calls = further ? [...this.calls, ...found.calls] : found.calls;
    this.more = found.more;
    this.show(this.page.run);
  }
}

function facts(run, agent, page) {
  const waited = agent.started === null ? null : agent.started - (readyAt(run, agent) ?? agent.started);
  const duration = took(run, agent);
  const span = (run.ended ?? run.now) - run.began;
  const rows = [
    ["model", `${agent.model ?? "none"}${agent.fallbacks.length ? ` after ${plural(agent.fallbacks.length, "fallback")}` : ""}`],
    ["strategy", agent.strategy],
    ["began", agent.started === null ? null : `${seconds(agent.started - run.began)} after the start`],
    ["waited", waited !== null && waited > 0.002 ? `${seconds(waited)} for its turn` : null],
    ["took", duration === null ? null : `${seconds(duration)} · ${share(span > 0 ? Math.min(1, duration / span) : 1)} of the run`],
    ["tokens", agent.input + agent.output ? `${count(agent.input)} read, ${count(agent.output)} written` : null],
    ["cost", agent.calls.length ? (agent.unpriced ? `${dollars(agent.cost)}, ${plural(agent.unpriced, "call")} without a price` : dollars(agent.cost)) : null],
    ["confidence", agent.confidence === null || agent.confidence === undefined ? null : share(agent.confidence)],
    ["samples", agent.samples > 1 ? String(agent.samples) : null],
    ["progress", agent.progress ? `${agent.progress.done + agent.progress.failed} of ${agent.progress.total} ${agent.progress.of}${agent.progress.failed ? `, ${agent.progress.failed} failed` : ""}` : null],
    ["retries", agent.retries ? String(agent.retries) : null],
    ["executions", agent.executions > 1 ? String(agent.executions) : null],
    ["doing", agent.status === "running" && agent.doing ? agent.doing : null],
    ["when", page.map?.agents?.[agent.name]?.when ?? null],
    ["needs", links(run.needs[agent.name], page)],
    ["feeds", links(run.feeds[agent.name], page)],
    ["within", links(agent.within ? [agent.within] : [], page)],
    ["parts", links([...run.agents.keys()].filter((name) => run.agents.get(name).within === agent.name), page)],
  ];
  return rows;
}

function links(names, page) {
  if (!names?.length) return null;
  const made = () => {
    const shown = names.slice(0, 12).flatMap((name, i) => [i ? ", " : "", page.link(name)]);
    return names.length > 12 ? [...shown, `, and ${names.length - 12} more`] : shown;
  };
  return { key: names.join("\n"), made };
}

function reason(run, agent) {
  const found = planOf(run, agent.name);
  if (!found) return null;
  const { model, utility, quality, token_term: tokens } = found.found;
  return [h("h3", {}, "Why this model"), h("p", {}, h("b", {}, model), `: ${found.why}.`),
    candidates(found.plan, agent.name, model) ?? h("p", { class: "sum" }, `utility ${utility.toFixed(3)} = quality ${quality.toFixed(3)} − tokens ${tokens.toFixed(3)}`),
    h("p", { class: "aside" }, `Step ${found.plan.step} of the plan, by ${found.plan.solver}; it looked at ${plural(found.plan.ready.length, "ready agent")}${found.plan.horizon?.length ? ` and ${found.plan.horizon.flat().length} behind them` : ""}.`)];
}

function evidence(found, about) {
  if (!found || !Object.keys(found).length) return null;
  const { votes, rungs, replies, ...rest } = found;
  const left = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined);
  return [votes && histogram(votes), rungs && ladder(rungs),
    replies?.length > 0 && h("details", {}, h("summary", {}, plural(replies.length, "sample")), replies.map((text, i) => h("pre", { class: "sample" }, `${i + 1}. ${asText(text)}`))),
    left.length > 0 && h("details", {}, h("summary", {}, `Evidence: ${left.map(([name]) => name).join(", ")}`), h("pre", {}, asText(Object.fromEntries(left))))];
}

function histogram(votes) {
  const entries = Object.entries(votes).slice(0, 12);
  const most = Math.max(...entries.map(([, votes_]) => votes_), 1e-9);
  const total = entries.reduce((sum, [, each]) => sum + each, 0) || 1;
  return [h("h3", {}, "Votes"), h("table", { class: "votes" }, h("tbody", {}, entries.map(([answer, weight], i) => h("tr", {},
    h("th", { scope: "row" }, answer || "(empty)"),
    h("td", {}, svg("svg", { width: 120, height: 12, "aria-hidden": "true" }, svg("rect", { class: i ? "vote" : "vote leads", width: Math.max(2, (weight / most) * 120), height: 12, rx: 2 }))),
    h("td", { class: "n" }, `${Number(weight.toFixed(2))} · ${share(weight / total)}`)))))];
}

function ladder(rungs) {
  return [h("h3", {}, "Rungs of the cascade"), h("ol", { class: "ladder" }, rungs.map((rung, i) => h("li", { class: i === rungs.length - 1 ? "taken" : "" },
    h("b", {}, rung.model), rung.error ? h("span", { class: "bad" }, ` ${rung.error}`) : ` ${rung.confidence === null || rung.confidence === undefined ? "confidence unknown" : `${share(rung.confidence)} sure`}`,
    rung.samples > 1 && `, ${rung.samples} samples`, i < rungs.length - 1 && h("span", { class: "aside" }, " → the next one is asked"))))];
}

const tool = (each) => h("details", {}, h("summary", {}, each.tool, each.error ? h("span", { class: "bad" }, " failed") : each.output === null ? " under way" : ` ${seconds(each.took)}`),
  h("pre", {}, asText(each.arguments ?? {})), each.output !== null && h("pre", {}, asText(each.output)));

function recorded(call) {
  const messages = call.request?.messages ?? [];
  const choices = call.response?.choices ?? [];
  const load = call.response?.load_seconds;
  return h("details", { class: "recorded", open: call.number === 1 },
    h("summary", {}, `${call.number}. ${call.model} `, h("span", { class: "aside" }, `${seconds(call.duration_s)} · ${call.usage.input_tokens}+${call.usage.output_tokens} tokens · ${dollars(call.cost_usd)}${load ? ` · loaded in ${seconds(load)}` : ""}${call.attempt > 1 ? ` · attempt ${call.attempt}` : ""}`)),
    call.error && h("p", { class: "bad" }, call.error.message ?? call.error.kind),
    !call.request && !call.response && h("p", { class: "aside" }, "Content is not kept in this journal."),
    messages.map((message) => [h("h4", {}, message.role), h("pre", { tabindex: "0" }, message.content || asText(message.tool_calls ?? ""))]),
    choices.map((choice, i) => [h("h4", {}, choices.length > 1 ? `answer ${i + 1}` : "answer", choice.finish && h("span", { class: "aside" }, ` ${choice.finish}`)),
      h("pre", { class: "answer", tabindex: "0" }, choice.logprobs ? shaded(choice.logprobs) : choice.text || asText(choice.tool_calls ?? ""))]),
    call.request && h("details", {}, h("summary", {}, "Settings"), h("pre", {}, asText(call.request.sampling))));
}

/** Tokens, the less sure the darker. */
function shaded(logprobs) {
  return logprobs.slice(0, 4000).map(([token, logprob]) => {
    const sure = Math.exp(logprob);
    return h("span", { class: `token t${Math.min(4, Math.floor((1 - sure) * 5))}`, title: share(sure) }, token);
  });
}

const list = (title, items, row) => (items.length ? [h("h3", {}, title), h("ul", { class: "plain" }, items.slice(-60).map((each) => h("li", {}, row(each))))] : null);
const quiet = (title, text) => [h("h3", {}, title), h("p", { class: "aside" }, text)];
