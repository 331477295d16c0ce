// Light or dark: as the system has it, until somebody chooses.

import { h, set } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

export function applyTheme() {
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch { /* storage is off: the system's choice it is */ }
  set(document.documentElement, "data-theme", chosen ?? (dark.matches ? "dark" : "light"));
}

dark.addEventListener("change", applyTheme);

export function themeButton() {
  return h("button", {
    type: "button", class: "icon", "aria-label": "Switch between light and dark", title: "Light or dark",
    onclick: () => {
      const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      try {
        localStorage.setItem("theme", next);
      } catch { /* then for this page only */ }
      set(document.documentElement, "data-theme", next);
    },
  }, "◐");
}
