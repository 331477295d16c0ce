// What is said aloud to those who do not see the page change.

import { plural, say } from "./dom.js";
import { tally } from "./figures.js";

/** An event that has just happened, and has been taken into account. */
export function speakOf(event, run) {
  if (event.type === "agent_finished" && event.outcome.status === "failed") say(`${event.agent} failed`);
  else if (event.type === "run_started" && run.attempt > 1) {
    const known = run.top.filter((name) => run.agents.get(name).past.length > 0).length;
    say(`The run goes on, attempt ${run.attempt}: ${plural(known, "agent")} had succeeded, ${run.top.length - known} to go.`);
  } else if (event.type === "run_finished") speakOfEnd(run);
}

/** Also of one that no event tells of. */
export function speakOfEnd(run) {
  const { succeeded, cached, failed } = tally(run);
  say(`The run ended: ${run.status}. ${plural(succeeded + cached, "agent")} succeeded, ${failed} failed.`);
}
