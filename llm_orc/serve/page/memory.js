// Which models were in memory when: what the plans say, and what calls loaded that no plan foresaw, as the
// further rungs of a cascade do.

import { stretches } from "./figures.js";

/** Entries `{ at, models: { NAME: devices } }`, each until the next. `size` gives gigabytes, `room` is 0 where it is not known. */
export function residence(run, size, room) {
  const planned = new Set(run.memory.flatMap((each) => Object.keys(each.models)));
  const calls = [...run.agents.values()].flatMap((agent) => agent.calls)
    .filter((call) => (planned.has(call.model) || size(call.model) > 0) && (call.source ?? "model") === "model")
    .map((call) => sent(run, call));
  const moments = [...run.memory.map((each) => ({ at: each.at, plan: each.models })), ...calls].sort((a, b) => a.at - b.at);
  const found = [], used = new Map();
  let models = {};
  for (const each of moments) {
    if (each.model) used.set(each.model, each.at);
    if (each.model in models) continue;
    models = each.plan ?? fitting({ ...models, [each.model]: [] }, each, calls, used, size, room);
    found.push({ at: each.at, models });
  }
  return found;
}

/** When a call was sent, and until when it had its model. */
function sent(run, call) {
  const end = call.end ?? run.ended ?? run.now;
  return { model: call.model, at: stretches(call, end).find(([, , wait]) => !wait)?.[0] ?? call.start, end };
}

/** As servers make room: what no call is using goes, the longest unused first. */
function fitting(models, { model, at }, calls, used, size, room) {
  const total = () => Object.keys(models).reduce((sum, name) => sum + size(name), 0);
  const idle = Object.keys(models).filter((name) => name !== model && !calls.some((call) => call.model === name && call.at <= at && call.end > at));
  idle.sort((a, b) => (used.get(a) ?? 0) - (used.get(b) ?? 0));
  while (room && total() > room && idle.length) delete models[idle.shift()];
  return models;
}
