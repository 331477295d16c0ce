// What decided how long a run took: the stretches of agents, first to last, that each waited for the one before.

import { atWork, endOf, MOMENT, SHOWN, stretches, within } from "./figures.js";

const LAG = 0.2; // seconds

/** Pieces `{ name, from, to, waited }` in order: `waited` says for what of the piece before, where it was not for its answer. */
export function criticalPath(run) {
  const key = run.status === "running" ? `${run.version} ${run.now}` : `${run.version} ${run.status}`;
  if (run.pathAt !== key) Object.assign(run, { pathAt: key, path: chain(run, run.top) });
  return run.path;
}

/** The same among the agents within one, in one stretch of it. What they depend on is not told: each was begun by the one that had just ended. */
export function innerPath(run, piece) {
  return chain(run, run.parts.get(piece.name) ?? [], piece);
}

function chain(run, names, outer = null) {
  const path = [];
  let last = latest(pieces(run, names, outer));
  while (last && path.length < 10_000) {
    path.unshift(last);
    const next = before(run, last, outer);
    // Always further back: clocks may be equal, and nothing comes twice.
    last = next && next.from < last.from + MOMENT && !path.some((each) => each.name === next.name && each.from === next.from) ? next : null;
  }
  return path;
}

function before(run, piece, outer) {
  const held = holder(run, piece);
  if (held) return held;
  const agent = run.agents.get(piece.name);
  const names = agent.within ? run.parts.get(agent.within) : [...(run.needs[piece.name] ?? []), piece.name];
  const found = latest(pieces(run, names, outer).filter((each) => each.to <= piece.from + MOMENT && each.from < piece.from));
  if (found || outer || !agent.within) return found;
  const around = pieces(run, [agent.within], null).find((each) => each.from <= piece.from + MOMENT && each.to >= piece.from);
  return around ? before(run, around, null) : null;
}

/** What an agent had to wait for besides answers: the piece that ended last while it did, or that had its model. */
function holder(run, piece) {
  const agent = run.agents.get(piece.name), { held } = piece.stretch;
  const queue = held ? null : queued(run, agent, piece);
  const found = held ? latest(pieces(run, holding(run, agent, held), null).filter((each) => each.to > held.at && each.to <= piece.from + MOMENT)) : queue && inFront(run, agent, queue);
  if (found) piece.waited = held ?? { why: "queue", model: queue.model };
  return found;
}

function holding(run, agent, held) {
  const names = held.models?.length ? [...run.agents.keys()].filter((name) => asked(run.agents.get(name), held.models)) : agent.within ? run.parts.get(agent.within) : run.top;
  return names.filter((name) => !related(name, agent.name));
}

/** Of the calls that a queued one waited for, the one whose end let it be sent; its agent is told of so far. */
function inFront(run, agent, queue) {
  let found = null, first = Infinity;
  for (const other of run.agents.values()) {
    if (related(other.name, agent.name)) continue;
    for (const call of other.calls) {
      const end = call.end ?? Infinity;
      // Its place is free before its answer is on the disk.
      if (call.model !== queue.model || call.start > queue.from + MOMENT || end < queue.to - MOMENT || end > queue.to + LAG || end >= first) continue;
      const piece = pieces(run, [other.name], null).find((each) => each.from <= call.start && each.to >= end - MOMENT);
      if (piece) [found, first] = [{ ...piece, to: Math.min(piece.to, queue.to) }, end];
    }
  }
  return found;
}

/** The wait in the queue of a model with which an agent began, nothing of it being at work. */
function queued(run, agent, piece) {
  for (const call of callsOf(run, agent)) {
    if (call.start < piece.from - MOMENT || call.start > piece.from + SHOWN) continue;
    const [from, to] = stretches(call, piece.to).find(([, , wait]) => wait?.why.startsWith("queued")) ?? [];
    if (from === undefined || from > piece.from + SHOWN || to - from < SHOWN) continue;
    const busy = within(atWork(run, agent), [[from, to]]).reduce((sum, each) => sum + each[1] - each[0], 0);
    if (busy < MOMENT) return { from, to, model: call.model };
  }
  return null;
}

function callsOf(run, agent) {
  return [...agent.calls, ...(run.parts.get(agent.name) ?? []).flatMap((name) => callsOf(run, run.agents.get(name)))];
}

const asked = (agent, models) => models.includes(agent.model) || agent.calls.some((call) => models.includes(call.model));
const related = (a, b) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);

function pieces(run, names, outer) {
  const found = [];
  for (const name of names) {
    const agent = run.agents.get(name);
    for (const stretch of agent?.stretches ?? []) {
      const piece = { name, from: stretch.from, to: stretch.to ?? endOf(run, agent), stretch, waited: null };
      if (!outer || (piece.from >= outer.from - MOMENT && piece.from < outer.to)) found.push(piece);
    }
  }
  return found;
}

const latest = (found) => found.reduce((last, each) => (!last || each.to > last.to ? each : last), null);
