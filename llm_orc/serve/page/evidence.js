// What a strategy has to show for its answer: votes, rungs of a cascade, samples.

import { asText, h, plural, share, svg } from "./dom.js";
import { MARKS } from "./state.js";

const MOST = 12;

export function evidence(found, concluded) {
  if (!found || !Object.keys(found).length) return null;
  const { votes, rungs, replies, threshold, ...rest } = found;
  const left = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined);
  return [votes && histogram(votes, concluded), rungs && ladder(rungs, threshold),
    replies?.length > 0 && h("details", {}, h("summary", {}, plural(replies.length, "sample")), replies.map((text, i) => h("pre", { class: "sample" }, `${i + 1}. ${asText(text)}`))),
    left.length > 0 && h("details", {}, h("summary", {}, `Evidence: ${left.map(([name]) => name).join(", ")}`), h("pre", {}, asText(Object.fromEntries(left))))];
}

/** The heaviest first: keys of objects that are numbers come in the order of numbers, not of votes. What the agent
 * concluded is marked, also where others have as many votes. */
function histogram(votes, concluded) {
  const won = concluded === null || concluded === undefined ? null : asText(concluded).trim();
  const rows = Object.entries(votes).map(([answer, weight]) => ({ answer, weight, won: answer.trim() === won }));
  rows.sort((a, b) => b.weight - a.weight || b.won - a.won);
  // A whole reply stands for the answer that was read from it.
  if (rows.length && !rows.some((row) => row.won)) rows[0].won = rows[0].weight > (rows[1]?.weight ?? -1);
  const most = Math.max(rows[0]?.weight ?? 0, 1e-9), total = rows.reduce((sum, row) => sum + row.weight, 0) || 1;
  const shown = rows.filter((row, i) => i < MOST || row.won), left = rows.length - shown.length;
  return [h("h3", {}, "Votes"), h("table", { class: "votes" }, h("tbody", {}, shown.map((row) => h("tr", { class: row.won ? "won" : "" },
    h("th", { scope: "row" }, row.won && h("span", { class: "mark", title: "what the agent concluded" }, `${MARKS.succeeded} `), row.answer || "(empty)"),
    h("td", {}, svg("svg", { width: 120, height: 12, "aria-hidden": "true" }, svg("rect", { class: row.won ? "vote leads" : "vote", width: Math.max(2, (row.weight / most) * 120), height: 12, rx: 2 }))),
    h("td", { class: "n" }, `${Number(row.weight.toFixed(2))} · ${share(row.weight / total)}`))))),
  left > 0 && h("p", { class: "aside" }, `and ${plural(left, "answer")} with fewer votes`)];
}

function ladder(rungs, threshold) {
  const needed = (i) => typeof threshold === "number" && i < rungs.length - 1 + (rungs[i].confidence >= threshold) && `, ${share(threshold)} needed`;
  return [h("h3", {}, "Rungs of the cascade"), h("ol", { class: "ladder" }, rungs.map((rung, i) => h("li", { class: i === rungs.length - 1 ? "taken" : "" },
    h("b", {}, rung.model), rung.error ? h("span", { class: "bad" }, ` ${rung.error}`) : ` ${rung.confidence === null || rung.confidence === undefined ? "confidence unknown" : `${share(rung.confidence)} sure`}`, !rung.error && needed(i),
    rung.samples > 1 && `, ${rung.samples} samples`, i < rungs.length - 1 && h("span", { class: "aside" }, " → the next one is asked"))))];
}
