// What is known of a run, from its events alone: live, loaded and replayed runs go through the same function.

import { begun, closed, payers, released, spent } from "./calls.js";
import { begin, cut, drop, end, keep, onlyReads } from "./stretches.js";

export const ENDED = new Set(["succeeded", "failed", "skipped", "cached"]);
export const MARKS = {
  waiting: "○", ready: "◌", running: "▶", succeeded: "✓", cached: "↶", failed: "✗", skipped: "–", stopped: "■", byDefault: "≈",
};
const HELD = { budget: "held until the budget allows it", same: "held, since another call asks the same" };
/** Strategies whose asks are samples of one answer. */
const SAMPLING = new Set(["self_consistency", "vote", "best_of"]);

/** `now` is what the clock says while it runs, `heard` the time of the last event, `since` that of this attempt. */
export function newRun() {
  return {
    seq: 0, id: "", ensemble: "", status: "running", attempt: 0, layers: [], needs: {}, feeds: {}, parts: new Map(),
    agents: new Map(), top: [], plans: [], memory: [], notes: [], began: null, now: 0, ended: null, shift: 0,
    heard: 0, since: 0, halted: false,
    input: 0, output: 0, cost: 0, unpriced: 0, calls: 0, failedCalls: 0, retries: 0, fromCache: 0,
    result: null, ending: null, dirty: new Set(), version: 0,
  };
}

function newAgent(name) {
  return {
    name, within: name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : null, status: "waiting",
    model: null, strategy: null, started: null, ended: null, calls: [], open: new Map(), steps: [], logs: [],
    tools: [], executions: 0, retries: 0, repaired: 0, fallbacks: [], progress: null, doing: "", input: 0,
    output: 0, cost: 0, unpriced: 0, samples: 0, confidence: null, evidence: null, error: null, result: undefined,
    seq: 0, cut: false, fresh: 0, asked: 0, drawing: null, rounds: [],
    stretches: [], atWork: 0, atOnce: 0, past: [], went: [], held: null,
    inside: { input: 0, output: 0, cost: 0, unpriced: 0, asked: 0 },
  };
}

export function agentOf(run, name) {
  let agent = run.agents.get(name);
  if (agent) return agent;
  run.agents.set(name, (agent = newAgent(name)));
  if (agent.within) {
    agentOf(run, agent.within);
    if (!run.parts.has(agent.within)) run.parts.set(agent.within, []);
    run.parts.get(agent.within).push(name);
  }
  return agent;
}

/** Take an event into account. `run.dirty` collects the names of agents that look different now. */
export function apply(run, event) {
  if (event.seq <= run.seq) return;
  const moment = Date.parse(event.ts) / 1000;
  const anew = event.type === "run_started";
  // The time between attempts is not the run's; what the clock said meanwhile was not so either.
  if (anew && run.began !== null) run.shift += Math.max(0, moment - run.shift - run.heard);
  const ts = moment - run.shift;
  run.heard = Math.max(run.heard, ts);
  run.now = anew ? ts : Math.max(run.now, ts);
  run.seq = event.seq;
  run.version += 1;
  const kind = KINDS[event.type];
  const agent = event.agent && kind !== undefined ? agentOf(run, event.agent) : null;
  if (agent) touch(run, agent);
  kind?.(run, event, agent, ts);
}

function touch(run, agent) {
  run.dirty.add(agent.name);
  for (let outer = agent.within; outer; outer = run.agents.get(outer).within) run.dirty.add(outer);
}

const KINDS = {
  run_started(run, event, _, ts) {
    run.attempt = event.attempt ?? run.attempt + 1;
    run.began ??= ts;
    Object.assign(run, { since: ts, halted: false, notes: run.notes.filter((note) => !note.ending) });
    Object.assign(run, { id: event.run_id, ensemble: event.ensemble, layers: event.layers, status: "running" });
    Object.assign(run, { needs: event.depends_on, ended: null, result: null });
    run.top = event.layers.flat();
    run.feeds = Object.fromEntries(run.top.map((name) => [name, []]));
    for (const name of run.top) for (const need of event.depends_on[name]) run.feeds[need].push(name);
    run.ending = null;
    for (const agent of run.agents.values()) again(agent, ts);
    for (const name of run.top) run.dirty.add(agentOf(run, name).name);
  },
  planned(run, event, _, ts) {
    run.plans.push({ ...event, at: ts });
    if (event.resident?.length) run.memory.push({ at: ts, models: event.resident[0] });
    for (const name of Object.keys(event.assignments ?? {})) run.dirty.add(name);
  },
  agent_held(run, event, agent, ts) {
    agent.held = { at: ts, why: event.why, atOnce: event.at_once, models: event.models };
  },
  agent_started(run, event, agent, ts) {
    agent.executions += 1;
    begin(run, agent, ts);
    Object.assign(agent, { status: "running", ended: null, error: null });
    if (agent.progress?.of === "samples") agent.progress = agent.drawing = null;
    agent.model = event.model ?? agent.model;
    agent.seq = event.seq;
    if (agent.within) agentOf(run, agent.name.split("/", 1)[0]).doing = agent.name.split("/").slice(1).join("/");
  },
  call_held(run, event, agent, ts) {
    begun(run, agent, `held ${event.seq}`, { held: true, model: event.model, n: 1, start: ts, waits: [{ from: ts, to: null, why: HELD[event.why] ?? "held" }] });
  },
  model_called(run, event, agent, ts) {
    const call = released(agent, event, ts) ?? begun(run, agent, event.call, { start: ts, waits: [] });
    Object.assign(call, { call: event.call, model: event.model, n: event.n, called: ts });
    agent.model = event.model;
  },
  call_queued(run, event, agent, ts) {
    agent.open.get(event.call)?.waits.push({ from: ts, to: null, why: waitFor(event) });
  },
  call_sent(run, event, agent, ts) {
    const call = agent.open.get(event.call), last = call?.waits.at(-1);
    if (last?.to === null) last.to = ts;
    else call?.waits.push({ from: Math.max(call.start, ts - event.queued_s), to: ts, why: waitFor(event) });
  },
  model_answered(run, event, agent, ts) {
    const source = event.source ?? "model";
    if (source !== "model") run.fromCache += 1;
    else agent.fresh += 1;
    // What an earlier attempt was answered is shown where it was.
    const known = source === "journal" && agent.calls.find((each) => each.usage && each.attempt < run.attempt && each.model === event.model && each.recalled !== run.attempt);
    if (known) return void (known.recalled = run.attempt);
    const call = closed(run, agent, event, ts);
    Object.assign(call, { load: event.load_seconds ?? 0, usage: event.usage, cost: event.cost_usd, source });
    // Journals of older versions say only afterwards that a call was queued.
    if (event.queued_s > 0.002 && !call.waits.length) call.waits.push({ from: call.called, to: Math.min(call.end, call.called + event.queued_s), why: waitFor(event) });
    // An answer of which the process that asked could not tell any more was paid for too; a cached one was not.
    if (source !== "cache") spent(run, agent, event);
  },
  model_failed(run, event, agent, ts) {
    closed(run, agent, event, ts).error = event.cause;
    run.failedCalls += 1;
    for (const each of payers(run, agent)) each.asked += 1;
    run.calls += 1;
  },
  model_cancelled(run, event, agent, ts) {
    closed(run, agent, event, ts).lost = "given up";
    if (!event.sent) return;
    for (const each of payers(run, agent)) each.asked += 1;
    run.calls += 1;
  },
  call_retried(run, event, agent, ts) {
    if (event.cause.kind === "circuit_open") {
      const why = `waits for its host: ${event.cause.message ?? event.cause.kind}`;
      agent.open.get(event.call)?.waits.push({ from: ts, to: ts + event.wait_s, why, after: "failure" });
      agent.steps.push(step(event, "wait", `call ${event.call} ${why}`));
      return;
    }
    run.retries += 1;
    agent.retries += 1;
    agent.open.get(event.call)?.waits.push({ from: ts, to: ts + event.wait_s, why: `paused before attempt ${event.attempt}: ${event.cause.message ?? event.cause.kind}`, after: "failure" });
    agent.steps.push(step(event, "retry", `call ${event.call} is sent again (${event.attempt}): ${event.cause.message ?? event.cause.kind}`));
  },
  tool_called(run, event, agent) {
    agent.tools.push({ call: event.call, tool: event.tool, arguments: event.arguments, output: null, error: null });
    agent.doing = `calls ${event.tool}`;
  },
  tool_answered(run, event, agent) {
    const tool = agent.tools.findLast((each) => each.call === event.call);
    if (tool) Object.assign(tool, { output: event.output, error: event.error, took: event.duration_s });
  },
  ask_started(run, event, agent) {
    if (event.aside || !SAMPLING.has(event.strategy) || agent.progress?.of === "items") return;
    agent.drawing ??= new Map();
    agent.drawing.set(event.ask, event.n);
    const { done = 0, failed = 0, open = 0, asked = 0, total = 0 } = agent.progress ?? {};
    agent.progress = { of: "samples", done, failed, open: open + event.n, asked: asked + event.n, total: Math.max(total, asked + event.n) };
  },
  ask_finished(run, event, agent) {
    const n = agent.drawing?.get(event.ask);
    if (!n || agent.progress?.of !== "samples") return;
    agent.progress.open -= n;
    agent.progress[event.error ? "failed" : "done"] += n;
  },
  strategy_step(run, event, agent) {
    agent.strategy = event.strategy;
    agent.steps.push(step(event, event.step, event.message));
    agent.doing = event.message ?? event.step;
    const detail = event.detail ?? {};
    // A cascade draws anew on each rung: what one has drawn is not progress of the whole.
    if (SAMPLING.has(event.strategy) && typeof detail.drawn === "number" && typeof detail.most === "number") {
      agent.progress = { open: 0, asked: 0, failed: 0, ...agent.progress, done: detail.drawn, total: detail.most, of: "samples" };
    }
    if (detail.votes) agent.evidence = { ...agent.evidence, votes: detail.votes };
  },
  script_logged(run, event, agent) {
    agent.logs.push(event.text);
  },
  agent_finished(run, event, agent, ts) {
    const outcome = event.outcome;
    Object.assign(agent, {
      status: outcome.status, ended: ts, held: null, model: outcome.model ?? agent.model, doing: "",
      strategy: outcome.strategy ?? agent.strategy, confidence: outcome.confidence, evidence: outcome.evidence,
      error: outcome.error, result: outcome.output, seq: event.seq, cut: event.cut === true,
    });
    // Where it never began, this event begins its piece of work too.
    if (agent.atWork && event.parent === undefined) {
      const onlyRead = onlyReads(agent, outcome);
      keep(agent, outcome, onlyRead);
      if (onlyRead) {
        drop(agent);
        Object.assign(agent, { status: "cached", ended: agent.stretches.at(-1).to });
      } else end(agent, ts, outcome.duration_s);
    }
    agent.samples = Math.max(agent.samples, outcome.samples);
    if (agent.progress?.of === "samples") agent.progress = { ...agent.progress, done: outcome.samples, open: 0 };
    for (const call of agent.open.values()) Object.assign(call, { end: call.end ?? ts, lost: "the run was ended" });
    agent.open.clear();
    for (const next of run.feeds[agent.name] ?? []) run.dirty.add(next);
  },
  fell_back(run, event, agent) {
    agent.fallbacks.push(event);
    agent.model = event.to;
    agent.steps.push(step(event, "fallback", `${event.model} failed (${event.cause.message ?? event.cause.kind}): ${event.to} is asked`));
  },
  answer_repaired(run, event, agent) {
    agent.repaired += 1;
    agent.steps.push(step(event, "repaired", event.message));
  },
  item_started(run, event, agent) {
    if (agent.progress?.of !== "items") agent.progress = { of: "items", done: 0, failed: 0, open: 0, total: event.items };
    agent.progress.open += 1;
  },
  item_finished(run, event, agent) {
    if (agent.progress?.of !== "items") return;
    agent.progress.open -= 1;
    agent.progress[event.error ? "failed" : "done"] += 1;
  },
  round_finished(run, event, agent) {
    agent.rounds.push({ round: event.round, done: event.done, attempt: run.attempt });
    agent.doing = `round ${event.round} done`;
    agent.steps.push(step(event, "round", `round ${event.round}${event.done ? ", the last" : ""}`));
  },
  warned(run, event) {
    run.notes.push({ ts: event.ts, text: event.message, agent: event.agent });
  },
  host_throttled(run, event) {
    run.notes.push({ ts: event.ts, text: `${event.host} gets too much: ${event.at_once} calls at once` });
  },
  circuit_changed(run, event) {
    run.notes.push({ ts: event.ts, text: `${event.host}: ${event.state}` });
  },
  run_ending(run, event) {
    run.ending = event;
    run.notes.push({ ts: event.ts, ending: true, text: `the run is ending: ${event.cause.message ?? event.cause.kind}; ${event.under_way} under way may still end` });
  },
  run_finished(run, event, _, ts) {
    Object.assign(run, { status: event.status, ended: ts, result: event, ending: null, notes: run.notes.filter((note) => !note.ending), input: event.usage.input_tokens });
    Object.assign(run, { output: event.usage.output_tokens, cost: event.cost_usd ?? run.cost });
    for (const name of run.agents.keys()) run.dirty.add(name);
  },
};

/** In a further attempt everything begins anew; what had succeeded keeps its times. Calls that were under way
 * when the one before ended have no answer. */
function again(agent, ts) {
  const done = agent.status === "succeeded" || agent.status === "cached";
  for (const call of agent.open.values()) Object.assign(call, { end: call.end ?? ts, lost: "the run was ended" });
  agent.open.clear();
  cut(agent, ts);
  Object.assign(agent, { fresh: 0, executions: 0, progress: null, drawing: null, steps: [], tools: [], fallbacks: [], status: "waiting" });
  if (!done) Object.assign(agent, { ended: null, error: null });
}

const step = (event, name, text) => ({ ts: event.ts, name, text: text ?? "" });
const waitFor = (event) => `queued for ${event.model}`;
