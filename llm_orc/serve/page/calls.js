// Calls of models as events tell of them: each with its waits, and on whose account it is.

/** A call that was held is sent, or was answered: of those of a model the first. */
export function released(agent, event, ts) {
  const [key, call] = [...agent.open].find(([, each]) => each.held && each.model === event.model) ?? [];
  if (!call) return null;
  Object.assign(call, { call: event.call, held: false, called: ts });
  call.waits[0].to = ts;
  agent.open.delete(key);
  agent.open.set(event.call, call);
  return call;
}

export function begun(run, agent, key, call) {
  Object.assign(call, { end: null, attempt: run.attempt, done: roundsDone(run, agent) });
  agent.calls.push(call);
  agent.open.set(key, call);
  return call;
}

export function closed(run, agent, event, ts) {
  let call = agent.open.get(event.call) ?? released(agent, event, ts);
  if (!call) agent.calls.push((call = { call: event.call, model: event.model, n: 1, start: ts - event.duration_s, called: ts - event.duration_s, attempt: run.attempt, done: roundsDone(run, agent), waits: [] }));
  agent.open.delete(event.call);
  // The clock of durations is finer than that of events.
  call.end = Math.min(ts, call.called + event.duration_s) || ts;
  for (const wait of call.waits) wait.to = Math.min(wait.to ?? call.end, call.end);
  return call;
}

/** Whose account a call of an agent is on, besides the run's: its own, and of those around it what is inside. */
export function payers(run, agent) {
  const found = [agent];
  for (let outer = agent.within; outer; outer = run.agents.get(outer).within) found.push(run.agents.get(outer).inside);
  return found;
}

export function spent(run, agent, { usage, cost_usd: cost }) {
  run.calls += 1;
  for (const each of [run, ...payers(run, agent)]) {
    each.input += usage.input_tokens;
    each.output += usage.output_tokens;
    if (each !== run) each.asked += 1;
    if (cost === null) each.unpriced += 1;
    else each.cost += cost;
  }
}

/** How many rounds of the loop around an agent are done in this attempt: whether there is one shows when the first is. */
function roundsDone(run, agent) {
  const rounds = loopAround(run, agent)?.rounds.filter((each) => each.attempt === run.attempt) ?? [];
  return rounds.at(-1)?.done ? 0 : rounds.at(-1)?.round ?? 0;
}

/** In which round of the loop around its agent a call was made; null outside of loops. */
export const roundOf = (run, agent, call) => (loopAround(run, agent) ? call.done + 1 : null);

function loopAround(run, agent) {
  for (let name = agent.within; name; name = run.agents.get(name).within) if (run.agents.get(name).rounds.length) return run.agents.get(name);
  return null;
}
