// Elements, texts and requests. What models, files and users wrote reaches the page through `text` alone:
// there is no innerHTML here, and the content security policy forbids it.

const SVG = "http://www.w3.org/2000/svg";
// Control characters, and those that turn the direction of text around.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

export const clean = (value) => String(value).replace(CONTROL, "");

export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || (value === false && !name.startsWith("aria-"))) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "open") element[name] = value;
    else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : clean(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child instanceof Node ? child : clean(child));
  }
}

export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

export const put = (element, text) => {
  const wanted = clean(text);
  if (element.textContent !== wanted) element.textContent = wanted;
};

export const set = (element, name, value) => {
  if (value === null || value === undefined || (value === false && !name.startsWith("aria-"))) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
};

export const say = (text) => put(document.getElementById("said"), text);

// ---- requests -------------------------------------------------------------------------------------------

export class Refused extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.hint = error.hint ?? "";
    this.kind = error.kind;
  }
}

// A run that was saved as a file brings the answers along.
const brought = document.getElementById("recorded");
const answers = brought && JSON.parse(brought.textContent);
export const saved = answers ? decodeURIComponent(Object.keys(answers)[0].split("/").pop()) : null;

export async function ask(path, options = {}) {
  if (answers) {
    if (path in answers) return answers[path];
    throw new Refused(404, { kind: "not_saved", message: "this was not saved with the page" });
  }
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(0, { kind: "unreachable", message: "the server does not answer", hint: "is it running?" });
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) {
    throw new Refused(answer.status, body?.error ?? { kind: "failed", message: `status ${answer.status}` });
  }
  return body;
}

export const runPath = (id, more = "") => `/api/runs/${encodeURIComponent(id)}${more}`;

// ---- words ----------------------------------------------------------------------------------------------

export function seconds(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(2)} s`;
  if (value < 120) return `${value.toFixed(value < 60 ? 1 : 0)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 120 ? `${minutes} min ${Math.floor(value % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function count(value) {
  if (value < 10_000) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u2009");
  return value < 1e6 ? `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)}k` : `${(value / 1e6).toFixed(2)}M`;
}

export function dollars(value) {
  if (value === null || value === undefined) return "price unknown";
  if (value === 0) return "$0";
  return `$${value < 0.01 ? Number(value.toPrecision(2)).toFixed(Math.min(9, 1 - Math.floor(Math.log10(value)))) : value.toFixed(value < 1 ? 3 : 2)}`;
}

export const share = (part) => `${part >= 0.0995 || part === 0 ? Math.round(part * 100) : (part * 100).toFixed(1)}%`;
export const plural = (n, of) => `${count(n)} ${of}${n === 1 ? "" : "s"}`;
export const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

export function ago(moment) {
  const passed = (Date.now() - Date.parse(moment)) / 1000;
  if (passed < 60) return "just now";
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86400) return `${Math.floor(passed / 3600)} h ago`;
  return new Date(moment).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

export const clock = (moment) => new Date(moment).toLocaleTimeString(undefined, { hour12: false });

let canvas;
export function fits(text, width, font) {
  // The text, cut so that it is at most `width` pixels wide.
  canvas ??= document.createElement("canvas").getContext("2d");
  canvas.font = font;
  text = clean(text);
  if (canvas.measureText(text).width <= width) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (canvas.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}

export function copy(text, button) {
  const before = button.textContent;
  navigator.clipboard?.writeText(text).then(() => {
    put(button, "Copied");
    setTimeout(() => put(button, before), 1200);
  });
}

/** What this browser keeps for next time; where it keeps nothing, nothing. */
export function remembered(name) {
  try {
    return localStorage.getItem(`llm-orc ${name}`);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`llm-orc ${name}`, value);
  } catch { /* then for this page only */ }
}
