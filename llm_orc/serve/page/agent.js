// One agent: what it cost and when, why it has its model, what it was asked, what came of it.

import { asText, ask, copy, count, dollars, fill, h, plural, put, runPath, seconds, share } from "./dom.js";
import { costOf } from "./card.js";
import { evidence } from "./evidence.js";
import { roundOf } from "./calls.js";
import { causeOf, isDefault, queuedIn, spentBy, standing, took, waitsBefore, worked } from "./figures.js";
import { candidates, planOf } from "./plan.js";
import { agentOf, MARKS } from "./state.js";

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
    fill(this.title, h("span", { class: `chip is-${state}` }, isDefault(agent) ? `${MARKS.byDefault} default used` : `${MARKS[state]} ${state}`), " ", this.name);
    this.part("facts", "", () => (this.facts = h("dl")));
    this.tell(facts(run, agent, this.page));
    this.part("error", JSON.stringify([agent.error, agent.status]), () => this.error(run, agent));
    this.part("output", `${agent.seq}${agent.status}${this.whole ? 1 : 0}`, () => this.output(agent));
    this.part("why", `${run.plans.length} ${agent.model} ${agent.status} ${agent.steps.length}`, () => reason(run, agent));
    this.part("evidence", `${agent.seq}${JSON.stringify(agent.evidence)?.length}${this.whole ? 1 : 0}`, () => evidence(this.whole?.evidence ?? agent.evidence, this.whole ? this.whole.output : agent.result));
    this.part("steps", `${agent.steps.length}`, () => list("What the strategy did", agent.steps, (each) => [h("b", {}, each.name), " ", each.text]));
    this.part("tools", `${agent.tools.length}${agent.tools.filter((t) => t.output !== null).length}`, () => list("Tools", agent.tools, tool));
    this.part("calls", `${agent.calls.length} ${agent.open.size} ${agent.within && run.agents.get(agent.within).rounds.length} ${this.calls?.length} ${run.status} ${agent.calls.at(-1)?.waits.length} ${queuing(run, agent)}`, () => this.called(run, agent));
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
    const cause = agent.status === "skipped" && causeOf(run, agent.name);
    const { kind, message, hint } = agent.error;
    return h("div", { class: agent.status === "skipped" ? "note" : "fault" },
      isDefault(agent) && h("p", {}, "It failed, and the default that on_failure gives stands for its output."),
      h("p", {}, h("b", {}, kind), message ? `: ${message}` : ""), hint && h("p", { class: "hint" }, hint),
      cause && h("p", {}, "The cause is ", this.page.link(cause), "."));
  }

  output(agent) {
    const value = this.whole ? this.whole.output : agent.result;
    if (agent.status === "waiting" || agent.status === "skipped" || agent.status === "running") return null;
    if (value === null || value === undefined) return this.page.about.keeps_content === false ? quiet("Output", "Content is not kept in this journal.") : null;
    const text = asText(value);
    const button = h("button", { type: "button", class: "small", onclick: () => copy(text, button) }, "Copy");
    return [h("h3", {}, isDefault(agent) ? "Output, by default " : "Output ", button, agent.cut && !this.whole && h("button", { type: "button", class: "small", onclick: () => this.load(agent) }, "Show all of it")),
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
    const lost = agent.calls.filter((call) => call.lost || (call.end === null && run.status !== "running")).length;
    const heading = h("h3", {}, `${plural(agent.calls.length - lost, "call")}${failed ? `, ${failed} failed` : ""}${lost ? `, and ${lost} without an answer` : ""} `,
      h("button", { type: "button", class: "small", onclick: () => this.fetchCalls(agent) }, this.calls ? "Refresh" : "Show prompts and answers"));
    const rows = this.calls
      ? inRounds(run, agent, this.calls).map(([call, place]) => recorded(call, place))
      : agent.calls.slice(-30).map((call) => h("p", { class: "call" }, `${placed(roundOf(run, agent, call), call.call)}${call.model} `, h("span", { class: "aside" }, told(run, call)),
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
  const duration = took(run, agent), all = spentBy(agent);
  const span = (run.ended ?? run.now) - run.began;
  const rows = [
    ["model", `${agent.model ?? "none"}${agent.fallbacks.length ? ` after ${plural(agent.fallbacks.length, "fallback")}` : ""}`],
    ["strategy", agent.strategy],
    ["began", agent.started === null ? null : `${seconds(agent.started - run.began)} after the start`],
    ["waited", waits(run, agent)],
    ["took", duration === null ? null : `${seconds(duration)} · ${share(span > 0 ? Math.min(1, duration / span) : 1)} of the run`],
    ["calls", all.calls ? `${count(all.calls)}${all.calls > agent.asked ? `, ${agent.asked ? `${count(all.calls - agent.asked)} of them` : "all"} by agents within it` : ""}` : null],
    ["tokens", all.calls ? `${count(all.input)} read, ${count(all.output)} written` : null],
    ["cost", all.calls ? costOf(all) + (all.unpriced ? `, ${plural(all.unpriced, "call")} without a price` : "") : null],
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

/** For its turn, and while every call of it waited in a queue or for another attempt. */
function waits(run, agent) {
  const before = waitsBefore(run, agent);
  if (agent.started === null) return before.length ? `${seconds(before[0][1] - before[0][0])} until now, ${before[0][2]}` : null;
  const within = Math.max(0, took(run, agent) - worked(run, agent));
  const times = [...before.map(([from, to, what]) => [to - from, what]), within > 0.01 && [within, "while all of it was queued or paused"]].filter(Boolean);
  const words = times.map(([time, what]) => `${seconds(time)} ${what}`).join("; ");
  return times.length > 1 ? `${seconds(times.reduce((sum, [time]) => sum + time, 0))}: ${words}` : words || null;
}

/** How many calls wait now. */
const queuing = (run, agent) => [...agent.open.values()].filter((call) => call.waits.at(-1)?.to === null).length;

/** A call in a few words. */
function told(run, call) {
  const last = call.waits.at(-1);
  if (call.end === null && run.status !== "running") return "no answer: the run ended";
  if (call.end === null) return last?.to === null ? (call.held ? last.why : `waits in a queue for ${call.model}`) : last && last.to > run.now ? last.why : "under way";
  const queued = queuedIn(call, call.end);
  const time = queued > 0.002 ? `waited ${seconds(queued)}, ${seconds(call.end - call.start - queued)} at work` : seconds(call.end - call.start);
  return [call.lost ? `no answer after ${time}` : time, call.usage && `${call.usage.input_tokens}+${call.usage.output_tokens} tokens`, call.usage && (call.source === "cache" ? "from the cache" : dollars(call.cost)),
    call.n > 1 && `${call.n} samples`, call.load > 0.002 && `loaded in ${seconds(call.load)}`, call.recalled && "reused", call.attempt > 1 && `attempt ${call.attempt}`].filter(Boolean).join(" · ");
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
  const found = planOf(run, agent.name), heading = h("h3", {}, "Why this model");
  if (!found) return agent.model ? [heading, h("p", {}, h("b", {}, agent.model), `: ${unrouted(agent)}.`)] : null;
  const { model, utility, quality, token_term: tokens } = found.found;
  // A strategy or a fallback may have gone on to another one since.
  const went = agent.model && agent.model !== model && h("p", {}, h("b", {}, agent.model), `: ${movedOn(agent)}. The plan had given it another one.`);
  return [heading, went, h("p", {}, h("b", {}, model), `: ${found.why}.`),
    candidates(found.plan, agent.name, model) ?? h("p", { class: "sum" }, `utility ${utility.toFixed(3)} = quality ${quality.toFixed(3)} − tokens ${tokens.toFixed(3)}`),
    h("p", { class: "aside" }, `Step ${found.plan.step} of the plan, by ${found.plan.solver}; it looked at ${plural(found.plan.ready.length, "ready agent")}${found.plan.horizon?.length ? ` and ${found.plan.horizon.flat().length} behind them` : ""}.`)];
}

/** Of an agent that no plan gave its model. */
function unrouted(agent) {
  return asksOf(agent).length > 1 ? movedOn(agent) : "the file, a flag or the catalogue's default names it, and there was nothing to choose";
}

const asksOf = (agent) => [...new Set(agent.calls.map((call) => call.model))];

/** Why an agent asks, or took the answer of, another model than the first. */
function movedOn(agent) {
  const asks = agent.status === "running" ? "asks it now" : "took its answer", last = agent.fallbacks.at(-1);
  if (last?.to === agent.model) return `${last.model} failed, and this one stands in for it`;
  const others = asksOf(agent).filter((name) => name !== agent.model), step = agent.steps.findLast((each) => each.name === "escalated" || each.name === "failed");
  return `${agent.strategy ?? "the agent"} ${asks}${others.length ? `, having asked ${others.join(", ")} too` : ""}${step ? ` (${step.text})` : ""}`;
}

const tool = (each) => h("details", {}, h("summary", {}, each.tool, each.error ? h("span", { class: "bad" }, " failed") : each.output === null ? " under way" : ` ${seconds(each.took)}`),
  h("pre", {}, asText(each.arguments ?? {})), each.output !== null && h("pre", {}, asText(each.output)));

/** Recorded calls stand as they ended, those of one round behind those of the one before: so do the ones known here. */
function inRounds(run, agent, calls) {
  const known = agent.calls.filter((call) => call.end !== null && !call.lost), counted = new Map();
  return calls.map((call, i) => {
    const round = known[i] ? roundOf(run, agent, known[i]) : null, key = `${call.attempt} ${round}`;
    counted.set(key, (counted.get(key) ?? 0) + 1);
    return [call, placed(round, round ? counted.get(key) : call.number)];
  });
}

const placed = (round, number) => `${round ? `round ${round}, ` : ""}${number ? `${round ? "call " : ""}${number}. ` : ""}`;

function recorded(call, place) {
  const messages = call.request?.messages ?? [];
  const choices = call.response?.choices ?? [];
  const load = call.response?.load_seconds;
  return h("details", { class: "recorded", open: call.number === 1 },
    h("summary", {}, `${place}${call.model} `, h("span", { class: "aside" }, `${seconds(call.duration_s)} · ${call.usage.input_tokens}+${call.usage.output_tokens} tokens · ${dollars(call.cost_usd)}${load ? ` · loaded in ${seconds(load)}` : ""}${call.attempt > 1 ? ` · attempt ${call.attempt}` : ""}`)),
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
