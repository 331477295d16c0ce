// Light or dark: as the system has it, until somebody chooses.

import { h, remember, remembered, set } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

export function applyTheme() {
  set(document.documentElement, "data-theme", remembered("theme") ?? (dark.matches ? "dark" : "light"));
}

dark.addEventListener("change", applyTheme);

export function themeButton() {
  return h("button", {
    type: "button", class: "icon", "aria-label": "Switch between light and dark", title: "Light or dark",
    onclick: () => {
      const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      remember("theme", next);
      set(document.documentElement, "data-theme", next);
    },
  }, "◐");
}
