// When an agent was at work: from when it was begun to when it ended, once for each round and attempt. What runs
// at the same time is one stretch. The journal reckons the same (run/journal_work.py).

/** `ready` is when it could have begun, `held` what it waited for since then, as far as events told. */
export function begin(run, agent, ts) {
  if (!agent.atWork) {
    agent.stretches.push({ from: ts, to: null, took: 0, ready: Math.min(ts, readySince(run, agent) ?? ts), held: agent.held });
    agent.atOnce = 0;
  }
  agent.held = null;
  agent.atWork += 1;
  agent.atOnce += 1;
  agent.started ??= ts;
}

const TICK = 0.005;

/** `seconds` is what the outcome says: the clock of events is coarser. Older outcomes count waiting. */
export function end(agent, ts, seconds) {
  agent.atWork -= 1;
  if (agent.atWork) return;
  const last = agent.stretches.at(-1);
  Object.assign(last, { to: ts, took: seconds === null || agent.atOnce > 1 || seconds >= ts - last.from + TICK ? ts - last.from : seconds });
}

/** In a further attempt: what an agent did before, as often as it did, is read, which takes less, and is no work. */
export function onlyReads(agent, outcome) {
  return agent.atWork === 1 && agent.atOnce === 1 && !agent.fresh && wentWell(outcome) && outcome.duration_s < (agent.past[agent.went.length] ?? 0);
}

/** What need not be done again in a further attempt. */
export function keep(agent, outcome, onlyRead) {
  if (wentWell(outcome)) agent.went.push(onlyRead ? agent.past[agent.went.length] : outcome.duration_s);
}

const wentWell = (outcome) => /succeeded|cached/.test(outcome.status) && !outcome.error;

export function drop(agent) {
  agent.stretches.pop();
  agent.atWork = 0;
}

/** Another attempt begins; what was under way ended with the one before. */
export function cut(agent, ts) {
  if (agent.atWork) {
    agent.atWork = 1;
    end(agent, ts, null);
  }
  if (agent.went.length > agent.past.length) agent.past = agent.went;
  agent.went = [];
  agent.held = null;
}

/** When an agent could begin: the last of what it needs had ended, and the attempt had begun. Null where that is not told. */
export function readySince(run, agent) {
  if (agent.within) return agent.held?.at ?? null;
  const ends = (run.needs[agent.name] ?? []).map((need) => run.agents.get(need)?.ended ?? null);
  return ends.includes(null) || run.began === null ? null : Math.max(run.since, ...ends);
}
