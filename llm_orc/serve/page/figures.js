// What follows from what is known of a run: how agents stand, what they took, what decided how long it took.

import { agentOf, ENDED } from "./state.js";
import { readySince } from "./stretches.js";

export const MOMENT = 0.002; // seconds
export const SHOWN = 0.01; // seconds that are worth a word

/** How an agent stands for people: `ready` has all it needs, `stopped` had no end when the run did. */
export function standing(run, agent) {
  if (agent.status === "running" && run.status !== "running") return "stopped";
  if (agent.status !== "waiting" || agent.within) return agent.status;
  if (run.status !== "running" || run.began === null) return "waiting";
  return (run.needs[agent.name] ?? []).every((need) => ENDED.has(run.agents.get(need)?.status)) ? "ready" : "waiting";
}

/** Whether its output is what `on_failure` gives in place of an answer. */
export const isDefault = (agent) => Boolean(agent.error) && /succeeded|cached/.test(agent.status);

/** Until when an agent was at work, last. */
export function endOf(run, agent) {
  const last = agent.stretches.at(-1);
  return last ? until(run, last) : agent.ended;
}

const until = (run, stretch) => stretch.to ?? run.ended ?? run.now;

/** The seconds of its stretches, without what lies between them: docs/results.md says what counts. */
export const took = (run, agent) => (agent.started === null ? null : agent.stretches.reduce((sum, each) => sum + (each.to === null ? Math.max(0, until(run, each) - each.from) : each.took), 0));

/** What it waited for before it could begin: stretches `[from, to, for what]`, the last one perhaps until now. */
export function waitsBefore(run, agent) {
  const found = agent.stretches.filter((each) => each.from - each.ready > SHOWN).map((each) => [each.ready, each.from, forWhat(each.held)]);
  if (standing(run, agent) === "ready" || (agent.held && run.status === "running")) {
    const since = readySince(run, agent);
    if (since !== null && run.now > since) found.push([since, run.now, forWhat(agent.held)]);
  }
  return found;
}

/** In words, what an agent waits for that has all that it needs. */
export function forWhat(held) {
  if (held?.why === "place") return `for a place: ${held.atOnce} at work, as many as may be`;
  if (held?.why === "room") return `for room for its model beside ${held.models.join(", ")}`;
  return held?.why === "layer" ? "for the layer before" : "for its turn";
}

/** What the calls of an agent and of all agents within it took. */
export function spentBy(agent) {
  const { inside } = agent;
  return { input: agent.input + inside.input, output: agent.output + inside.output, cost: agent.cost + inside.cost,
    unpriced: agent.unpriced + inside.unpriced, calls: agent.asked + inside.asked };
}

/** Calls that are under way now, also within an agent, and how many of them only wait. */
export function underWay(run, agent) {
  let open = 0, waiting = 0;
  for (const call of agent.open.values()) {
    open += 1;
    const last = call.waits.at(-1);
    if (last && (last.to === null || last.to > run.now)) waiting += 1;
  }
  for (const name of run.parts.get(agent.name) ?? []) {
    const inner = underWay(run, run.agents.get(name));
    open += inner.open;
    waiting += inner.waiting;
  }
  return { open, waiting };
}

/** A call from its beginning to its end: stretches `[from, to, wait or null]`, one after another. */
export function stretches(call, until) {
  const end = call.end ?? until, found = [];
  let at = call.start;
  for (const wait of call.waits) {
    // Between being called and being queued lies no work.
    const from = wait.from - at < MOMENT ? at : Math.min(wait.from, end), to = Math.min(wait.to ?? end, end);
    if (from > at) found.push([at, from, null, wait.after === "failure"]);
    if (to > from) found.push([from, to, wait]);
    at = Math.max(at, to);
  }
  if (end > at || !found.length) found.push([at, end, null, call.error !== undefined && call.error !== null]);
  return found;
}

export const queuedIn = (call, until) => stretches(call, until).reduce((sum, [from, to, wait]) => sum + (wait ? to - from : 0), 0);

/** For how many seconds something of an agent was at work, also within it: the rest of its time all of it waited. */
export function worked(run, agent) {
  if (agent.started === null) return 0;
  const key = agent.ended === null ? run.now : `${agent.ended} ${agent.calls.length} ${agent.stretches.length} ${run.parts.get(agent.name)?.length}`;
  if (agent.workedKey !== key) Object.assign(agent, { workedKey: key, worked: atWork(run, agent).reduce((sum, [from, to]) => sum + to - from, 0) });
  return agent.worked;
}

/** The stretches in which something of an agent was at work. */
export function atWork(run, agent) {
  const busy = ownWork(run, agent);
  for (const call of agent.calls) for (const [from, to, wait] of stretches(call, run.ended ?? run.now)) if (!wait) busy.push([from, to]);
  for (const name of run.parts.get(agent.name) ?? []) busy.push(...atWork(run, run.agents.get(name)));
  return within(joined(busy), agent.stretches.map((each) => [each.from, until(run, each)]));
}

/** What an agent does besides calls: scripts, tools, counting. One that stands for others does nothing itself. */
export function ownWork(run, agent) {
  if (run.parts.has(agent.name)) return [];
  const calls = joined(agent.calls.map((call) => [call.start, call.end ?? run.ended ?? run.now]));
  return agent.stretches.flatMap((each) => without([each.from, until(run, each)], calls));
}

/** The parts of some stretches that lie in others; both are in order. */
export function within(stretches_, outer) {
  const found = [];
  for (const [begin, end] of outer) {
    for (const [from, to] of stretches_) if (to > begin && from < end) found.push([Math.max(from, begin), Math.min(to, end)]);
  }
  return found;
}

export function joined(stretches_) {
  const found = [];
  for (const [from, to] of stretches_.sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

function without([begin, end], taken) {
  const found = [];
  let at = begin;
  for (const [from, to] of taken) {
    if (from >= end || to <= begin) continue;
    if (from > at) found.push([at, Math.min(from, end)]);
    at = Math.max(at, to);
  }
  if (end > at) found.push([at, end]);
  return found;
}

export function tally(run) {
  const found = { succeeded: 0, failed: 0, skipped: 0, running: 0, ready: 0, waiting: 0, stopped: 0, cached: 0 };
  for (const name of run.top) found[standing(run, agentOf(run, name))] += 1;
  return found;
}

/** The failed agent because of which one was skipped; null where a condition or a limit was the reason. */
export function causeOf(run, name) {
  for (let at = name, left = run.agents.size; left > 0; left -= 1) {
    const { error } = run.agents.get(at) ?? {};
    const blamed = blame(run, at, error);
    if (blamed === undefined) return null;
    if (run.agents.get(blamed).status === "failed") return blamed;
    at = blamed;
  }
  return null;
}

/** As the scheduler has it: what stopped the run, or the first of what it needs that has no answer. */
function blame(run, name, error) {
  const named = (each) => error.message?.includes(`'${each}'`);
  const status = (each) => run.agents.get(each)?.status;
  if (error?.kind === "stopped") {
    const failed = run.top.filter((each) => status(each) === "failed").sort((a, b) => run.agents.get(a).ended - run.agents.get(b).ended);
    return failed.find(named) ?? failed[0];
  }
  if (error?.kind !== "dependency") return undefined;
  const missing = (run.needs[name] ?? []).filter((each) => status(each) === "failed" || (status(each) === "skipped" && run.agents.get(each).error?.kind !== "condition"));
  return missing.find(named) ?? missing[0];
}

/** Failed agents, each with the names of those that were skipped because of it: every one has one cause. */
export function causes(run) {
  if (run.causedAt !== run.version) Object.assign(run, { causedAt: run.version, caused: allCauses(run) });
  return run.caused;
}

function allCauses(run) {
  const found = new Map(run.top.filter((name) => run.agents.get(name)?.status === "failed").map((name) => [name, []]));
  if (found.size) for (const name of run.top) if (run.agents.get(name)?.status === "skipped") found.get(causeOf(run, name))?.push(name);
  return [...found].map(([name, skipped]) => ({ agent: run.agents.get(name), skipped }));
}
