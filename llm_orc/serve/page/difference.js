// Lines that two texts have in common, and those that they have not (longest common subsequence).

import { h } from "./dom.js";

const MOST = 1500;

export function difference(a, b) {
  const [one, other] = [a, b].map((text) => text.split("\n").slice(0, MOST));
  let from = 0;
  while (from < one.length && from < other.length && one[from] === other[from]) from += 1;
  let back = 0;
  while (back < one.length - from && back < other.length - from && one.at(-1 - back) === other.at(-1 - back)) back += 1;
  const lines = [
    ...one.slice(0, from).map((line) => [" ", line]),
    ...changed(one.slice(from, one.length - back), other.slice(from, other.length - back)),
    ...(back ? one.slice(-back).map((line) => [" ", line]) : []),
  ];
  const names = { "+": "added", "-": "removed", " ": "same" };
  return h("pre", { class: "difference", tabindex: "0" }, lines.map(([sign, line]) => h("span", { class: names[sign] }, `${sign} ${line}\n`)));
}

function changed(one, other) {
  const width = other.length + 1;
  const longest = new Uint16Array((one.length + 1) * width);
  for (let i = one.length - 1; i >= 0; i -= 1) {
    for (let j = other.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = one[i] === other[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const lines = [];
  let i = 0, j = 0;
  while (i < one.length || j < other.length) {
    if (i < one.length && j < other.length && one[i] === other[j]) lines.push([" ", one[i]]), (i += 1), (j += 1);
    else if (i < one.length && (j === other.length || longest[(i + 1) * width + j] >= longest[i * width + j + 1])) lines.push(["-", one[i]]), (i += 1);
    else lines.push(["+", other[j]]), (j += 1);
  }
  return lines;
}
