// What is known of a run, from its events alone: live, loaded and replayed runs go through the same function.

export const ENDED = new Set(["succeeded", "failed", "skipped", "cached"]);
export const MARKS = {
  waiting: "○", ready: "◌", running: "▶", succeeded: "✓", cached: "✓", failed: "✗", skipped: "–", stopped: "■",
};

export function newRun() {
  return {
    seq: 0, id: "", ensemble: "", status: "running", attempt: 0, layers: [], needs: {}, feeds: {},
    agents: new Map(), top: [], plans: [], memory: [], notes: [], began: null, now: 0, ended: null, shift: 0,
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
    seq: 0, cut: false, before: null, fresh: 0,
  };
}

export function agentOf(run, name) {
  let agent = run.agents.get(name);
  if (!agent) run.agents.set(name, (agent = newAgent(name)));
  return agent;
}

/** Take an event into account. `run.dirty` collects the names of agents that look different now. */
export function apply(run, event) {
  if (event.seq <= run.seq) return;
  const moment = Date.parse(event.ts) / 1000;
  // The time between attempts is not the run's.
  if (event.type === "run_started" && run.began !== null) run.shift += Math.max(0, moment - run.shift - run.now - 0.5);
  const ts = moment - run.shift;
  run.now = Math.max(run.now, ts);
  run.seq = event.seq;
  run.version += 1;
  const kind = KINDS[event.type];
  const agent = event.agent && kind !== undefined ? agentOf(run, event.agent) : null;
  if (agent) touch(run, agent);
  kind?.(run, event, agent, ts);
}

function touch(run, agent) {
  run.dirty.add(agent.name);
  if (agent.within) run.dirty.add(agent.name.split("/", 1)[0]);
}

const KINDS = {
  run_started(run, event, _, ts) {
    run.attempt = event.attempt ?? run.attempt + 1;
    run.began ??= ts;
    Object.assign(run, { id: event.run_id, ensemble: event.ensemble, layers: event.layers, status: "running" });
    Object.assign(run, { needs: event.depends_on, ended: null, result: null });
    run.top = event.layers.flat();
    run.feeds = Object.fromEntries(run.top.map((name) => [name, []]));
    for (const [name, needs] of Object.entries(event.depends_on)) for (const need of needs) run.feeds[need].push(name);
    run.ending = null;
    for (const agent of run.agents.values()) again(agent);
    for (const name of run.top) run.dirty.add(agentOf(run, name).name);
  },
  planned(run, event, _, ts) {
    run.plans.push({ ...event, at: ts });
    if (event.resident?.length) run.memory.push({ at: ts, models: event.resident[0] });
    for (const name of Object.keys(event.assignments ?? {})) run.dirty.add(name);
  },
  agent_started(run, event, agent, ts) {
    agent.executions += 1;
    agent.started ??= ts;
    agent.status = "running";
    if (!agent.before) agent.ended = null;
    agent.model = event.model ?? agent.model;
    agent.seq = event.seq;
    if (agent.within) agentOf(run, agent.name.split("/", 1)[0]).doing = agent.name.split("/").slice(1).join("/");
  },
  model_called(run, event, agent, ts) {
    run.calls += 1;
    const call = { call: event.call, model: event.model, n: event.n, start: ts, end: null, attempt: run.attempt };
    agent.calls.push(call);
    agent.open.set(event.call, call);
    agent.model = event.model;
  },
  model_answered(run, event, agent, ts) {
    const call = closed(run, agent, event, ts);
    Object.assign(call, {
      load: event.load_seconds ?? 0, queued: event.queued_s ?? 0, usage: event.usage, cost: event.cost_usd,
      source: event.source ?? "model",
    });
    if (call.source !== "model") run.fromCache += 1;
    if (call.source === "model") agent.fresh += 1;
    // What was known already was paid for when it was asked.
    for (const each of call.source === "model" ? [run, agent] : []) {
      each.input += event.usage.input_tokens;
      each.output += event.usage.output_tokens;
      if (event.cost_usd === null) each.unpriced += 1;
      else each.cost += event.cost_usd;
    }
  },
  model_failed(run, event, agent, ts) {
    closed(run, agent, event, ts).error = event.cause;
    run.failedCalls += 1;
  },
  call_retried(run, event, agent) {
    if (event.cause.kind === "circuit_open") {
      agent.steps.push(step(event, "wait", `call ${event.call} waits for its host: ${event.cause.message ?? event.cause.kind}`));
      return;
    }
    run.retries += 1;
    agent.retries += 1;
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
  strategy_step(run, event, agent) {
    agent.strategy = event.strategy;
    agent.steps.push(step(event, event.step, event.message));
    agent.doing = event.message ?? event.step;
    const detail = event.detail ?? {};
    if (typeof detail.drawn === "number" && typeof detail.most === "number") {
      agent.progress = { done: detail.drawn, total: detail.most, failed: 0, of: "samples" };
    }
    if (detail.votes) agent.evidence = { ...agent.evidence, votes: detail.votes };
  },
  script_logged(run, event, agent) {
    agent.logs.push(event.text);
  },
  agent_finished(run, event, agent, ts) {
    const outcome = event.outcome;
    Object.assign(agent, {
      status: outcome.status, ended: ts, model: outcome.model ?? agent.model, doing: "",
      strategy: outcome.strategy ?? agent.strategy, confidence: outcome.confidence, evidence: outcome.evidence,
      error: outcome.error, result: outcome.output, seq: event.seq, cut: event.cut === true,
    });
    // In a resumed run: it asked nobody, and only read what had been answered.
    const { before } = agent;
    if (before && !agent.fresh && outcome.status !== "failed" && outcome.duration_s < before.ended - before.started) Object.assign(agent, before, { status: "cached" });
    agent.before = null;
    agent.samples = Math.max(agent.samples, outcome.samples);
    if (outcome.status === "skipped") agent.started ??= null;
    if (agent.progress?.of === "samples") agent.progress = { ...agent.progress, done: outcome.samples };
    for (const call of agent.open.values()) call.end ??= ts;
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
  item_finished(run, event, agent) {
    agent.progress ??= { done: 0, total: event.items, failed: 0, of: "items" };
    agent.progress[event.error ? "failed" : "done"] += 1;
  },
  round_finished(run, event, agent) {
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
    run.notes.push({ ts: event.ts, text: `the run is ending: ${event.cause.message ?? event.cause.kind}; ${event.under_way} under way may still end` });
  },
  run_finished(run, event, _, ts) {
    Object.assign(run, { status: event.status, ended: ts, result: event, ending: null, input: event.usage.input_tokens });
    Object.assign(run, { output: event.usage.output_tokens, cost: event.cost_usd ?? run.cost });
    for (const name of run.agents.keys()) run.dirty.add(name);
  },
};

/** In a further attempt everything begins anew; what had succeeded keeps its times. */
function again(agent) {
  const done = agent.status === "succeeded" || agent.status === "cached";
  agent.before = done ? { started: agent.started, ended: agent.ended } : null;
  agent.fresh = 0;
  if (!done) Object.assign(agent, { started: null, ended: null, error: null, progress: null });
  if (agent.status !== "waiting") agent.status = "waiting";
}

const step = (event, name, text) => ({ ts: event.ts, name, text: text ?? "" });

function closed(run, agent, event, ts) {
  let call = agent.open.get(event.call);
  if (!call) agent.calls.push((call = { call: event.call, model: event.model, n: 1, start: ts - event.duration_s }));
  // A call that waits for money begins when it has it; it was waiting before.
  else if (event.queued_s) call.start = Math.min(call.start, ts - event.duration_s);
  agent.open.delete(event.call);
  // The clock of durations is finer than that of events.
  call.end = Math.min(ts, call.start + event.duration_s) || ts;
  return call;
}

// ---- what follows from it -------------------------------------------------------------------------------

/** How an agent stands for people: `ready` has all it needs, `stopped` had no end when the run did. */
export function standing(run, agent) {
  if (agent.status === "running" && run.status !== "running") return "stopped";
  if (agent.status !== "waiting" || agent.within) return agent.status;
  if (run.status !== "running") return "waiting";
  return (run.needs[agent.name] ?? []).every((need) => ENDED.has(run.agents.get(need)?.status)) ? "ready" : "waiting";
}

/** When an agent could have begun: the last of what it needs had ended. */
export function readyAt(run, agent) {
  const ends = (run.needs[agent.name] ?? []).map((need) => run.agents.get(need)?.ended ?? null);
  if (agent.within || ends.includes(null)) return agent.started;
  return Math.max(run.began ?? 0, ...ends);
}

/** The agents that decided how long the run took, first to last, and for how many seconds each. */
export function criticalPath(run) {
  let last = null;
  for (const name of run.top) {
    const agent = run.agents.get(name);
    if (agent?.started && (!last || endOf(run, agent) > endOf(run, last))) last = agent;
  }
  const path = [];
  while (last) {
    path.unshift(last.name);
    let before = null;
    for (const need of run.needs[last.name] ?? []) {
      const agent = run.agents.get(need);
      if (agent?.ended && agent.started && (!before || agent.ended > before.ended)) before = agent;
    }
    last = before;
  }
  return path;
}

export const endOf = (run, agent) => agent.ended ?? (agent.started === null ? null : (run.ended ?? run.now));
export const took = (run, agent) => (agent.started === null ? null : endOf(run, agent) - agent.started);

export function tally(run) {
  const found = { succeeded: 0, failed: 0, skipped: 0, running: 0, ready: 0, waiting: 0, stopped: 0, cached: 0 };
  for (const name of run.top) found[standing(run, agentOf(run, name))] += 1;
  return found;
}

/** Failed agents that are causes, each with the names of those that were skipped because of it. */
export function causes(run) {
  const found = run.top.filter((name) => run.agents.get(name)?.status === "failed");
  return found.map((name) => {
    const behind = new Set();
    const stack = [name];
    while (stack.length) {
      for (const next of run.feeds[stack.pop()] ?? []) {
        if (!behind.has(next) && run.agents.get(next)?.status === "skipped") {
          behind.add(next);
          stack.push(next);
        }
      }
    }
    return { agent: run.agents.get(name), skipped: [...behind] };
  });
}
