// What a run was given and what came out of it, and its file as it was.

import { asText, copy, fill, h } from "./dom.js";

export class FileTab {
  constructor() {
    this.element = h("div", { class: "file" });
  }

  show({ about, live, run }) {
    const key = `${live.status}${live.seq}${about.text?.length}${run.seq}`;
    if (this.key === key) return;
    this.key = key;
    const output = run.result?.output;
    const block = (title, text) => {
      const button = h("button", { type: "button", class: "small", onclick: () => copy(text, button) }, "Copy");
      return h("section", {}, h("h3", {}, title, " ", button), h("pre", { tabindex: "0" }, text));
    };
    const settings = Object.entries(about.settings ?? {}).filter(([, value]) => value !== null);
    fill(this.element, about.keeps_content === false && h("p", { class: "note" }, "This journal keeps no content: no prompts, answers, inputs or outputs."),
      Object.entries(about.inputs ?? {}).map(([name, value]) => block(`Input: ${name}`, asText(value))),
      output !== null && output !== undefined && block("Output", asText(output)),
      h("section", {}, h("h3", {}, "Run"), h("dl", {}, [["run", about.run_id], ["file", about.source], ["SHA-256 of the file", about.hash], ["trace", about.trace_id], ["process", about.process],
        ["settings", settings.map(([name, value]) => `${name}: ${asText(value)}`).join(", ")]].filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))),
      about.text && block("The file as it was run", about.text));
  }
}
