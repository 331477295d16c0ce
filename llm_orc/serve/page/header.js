// The strip above a run: how it stands, what it has taken, what can be done; and why it failed.

import { ask, copy, count, dollars, fill, h, plural, put, runPath, saved, seconds, set } from "./dom.js";
import { causes, isDefault, tally } from "./figures.js";
import { MARKS } from "./state.js";
import { themeButton } from "./theme.js";

const BARS = ["succeeded", "cached", "failed", "running", "stopped", "ready", "skipped", "waiting"];
const SIGN = { running: "▶", succeeded: "✓", failed: "✗", partial: "◐", interrupted: "■", killed: "☠", forgotten: "–" };

export class Header {
  constructor(page, top) {
    this.page = page;
    this.name = h("h1");
    this.chip = h("span", { class: "chip" });
    this.bars = BARS.map((state) => h("span", { class: `part is-${state}` }));
    this.progress = h("div", { class: "progress", role: "img" }, this.bars);
    this.figures = h("dl", { class: "figures" });
    this.link = h("span", { class: "link-state", role: "status" });
    this.cancel = h("button", { type: "button", class: "danger", hidden: true, onclick: () => this.confirm() }, "Cancel");
    this.resume = h("button", { type: "button", hidden: true, onclick: () => this.act("resume", this.resume) }, "Resume");
    const command = h("button", { type: "button", onclick: () => copy(this.command(), command) }, "Copy command");
    this.banner = h("div", { class: "banner" });
    this.compare = h("a", { class: "button", href: "/" }, "Compare…");
    this.save = h("a", { class: "button", download: true, title: "One file with all of the run, for a browser without a server" }, "Save page");
    const brand = saved ? h("span", { class: "brand" }, "llm-orc") : h("a", { class: "brand", href: "/", title: "All runs" }, "llm-orc");
    fill(top, brand, h("div", { class: "what" }, this.name, this.chip, this.link), h("div", { class: "spent" }, this.progress, this.figures),
      h("div", { class: "actions" }, this.cancel, this.resume, !saved && [this.compare, this.save], command, h("button", { type: "button", class: "icon", title: "Keys (?)", "aria-label": "Keys (?)", onclick: () => this.help() }, "?"), themeButton()));
  }

  command() {
    const { about, live } = this.page;
    if (about.actions?.resume) return `llm-orc runs resume ${about.run_id}`;
    return live.status === "running" ? `llm-orc runs show ${about.run_id}` : `llm-orc invoke ${about.source || about.ensemble}`;
  }

  connected(yes, why = "not connected: trying again…") {
    put(this.link, yes ? "" : why);
    set(this.link, "title", yes ? null : why);
    set(document.body, "data-connected", yes ? "yes" : "no");
  }

  show(run) {
    const { about } = this.page;
    const status = this.page.replay.on ? run.status : this.page.live.status;
    put(this.name, run.ensemble || about.ensemble || "");
    set(this.name, "title", about.run_id);
    put(this.chip, `${SIGN[status] ?? ""} ${this.page.replay.on ? `replay: ${status}` : status}`);
    set(this.chip, "class", `chip run-${status}`);
    const found = tally(run), total = Math.max(1, run.top.length);
    BARS.forEach((state, i) => (this.bars[i].style.flexGrow = found[state] / total));
    const words = BARS.filter((state) => found[state]).map((state) => `${found[state]} ${state}`).join(", ");
    set(this.progress, "aria-label", `Agents: ${words}`);
    set(this.progress, "title", words);
    this.spent(run, found);
    this.offers();
    this.explain(run, status);
    set(this.save, "href", runPath(about.run_id ?? "", "/saved"));
    set(this.compare, "href", `/?compare=${encodeURIComponent(about.run_id ?? "")}&ensemble=${encodeURIComponent(about.ensemble ?? "")}`);
  }

  spent(run, found) {
    const end = run.ended ?? run.now;
    const { about, replay, live } = this.page;
    const { seconds: time, calls, tokens, usd } = about.budget ?? {};
    // The list says the same then, to the millisecond: events have coarser clocks.
    const ended = !replay.on && live.status !== "running" && about.status === live.status && about.attempts === run.attempt;
    const took = (ended ? about.duration_s : null) ?? end - run.began;
    const of = (limit, shown) => (limit === undefined ? "" : ` of ${shown(limit)}`);
    const ran = found.succeeded + found.cached + found.failed;
    const defaults = run.top.filter((name) => isDefault(run.agents.get(name))).length;
    const figures = [
      ["time", run.began === null ? "–" : seconds(took) + of(time, seconds)],
      ["agents", `${ran}/${run.top.length}${found.failed ? `, ${found.failed} failed` : ""}${found.skipped ? `, ${found.skipped} skipped` : ""}${defaults ? `, ${defaults} by default` : ""}`],
      ["calls", count(run.calls) + of(calls, count) + (run.failedCalls ? ` (${run.failedCalls} failed)` : "")],
      ["tokens", (run.input + run.output ? `${count(run.input)} + ${count(run.output)}` : "0") + of(tokens, count)],
      // What has no price is never taken for free, and no reason to be silent about the limit.
      ["cost", (run.unpriced && !run.cost ? "" : dollars(run.cost)) + of(usd, dollars) + (run.unpriced ? `${run.cost || usd ? " + " : ""}${plural(run.unpriced, "call")} unpriced` : "")],
      run.fromCache ? ["reused", String(run.fromCache)] : null,
      run.retries ? ["retries", String(run.retries)] : null,
      run.attempt > 1 ? ["attempt", String(run.attempt)] : null,
    ].filter(Boolean);
    const key = figures.join();
    if (key === this.key) return;
    this.key = key;
    fill(this.figures, figures.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  offers() {
    const { about, live } = this.page;
    const can = about.actions ?? {};
    this.cancel.hidden = !(can.cancel && live.status === "running");
    put(this.cancel, live.ending ? "Stop at once" : "Cancel");
    // What is asked there has no answer any more.
    if (this.cancel.hidden) this.sure?.close("no");
    this.resume.hidden = !(can.resume && live.status !== "running");
  }

  /** Causes apart from what was only skipped because of them. */
  explain(run, status) {
    const found = causes(run);
    const notes = run.notes.map((note) => h("p", {}, note.agent && [this.page.link(note.agent), ": "], note.text ?? ""));
    const key = JSON.stringify([status, found.map((each) => [each.agent.name, each.skipped.length]), run.notes.length, this.refusal, run.result?.error]);
    if (key === this.said) return;
    this.said = key;
    const cause = run.result?.error;
    fill(this.banner,
      this.refusal && h("p", { class: "fault" }, this.refusal),
      status === "killed" && h("p", { class: "fault" }, "The process that ran this is gone. What was answered until then is recorded."),
      status === "forgotten" && h("p", { class: "fault" }, "This run is no longer in the journal. What is shown is what was known of it."),
      cause && h("p", { class: "fault" }, h("b", {}, "Ended early: "), cause.message ?? cause.kind, cause.hint && h("span", { class: "hint" }, ` ${cause.hint}`)),
      found.slice(0, 3).map(({ agent, skipped }) => h("p", { class: "fault" }, `${MARKS.failed} `, this.page.link(agent.name), " failed: ",
        agent.error?.message || agent.error?.kind || "", agent.error?.hint && h("span", { class: "hint" }, ` ${agent.error.hint}`),
        skipped.length > 0 && h("span", { class: "aside" }, ` · ${plural(skipped.length, "agent")} skipped because of it`))),
      found.length > 3 && h("p", { class: "fault" }, `… and ${found.length - 3} more agents failed.`),
      notes.length > 0 && h("details", { class: "warn", open: this.banner.querySelector("details")?.open },
        h("summary", {}, `⚠ ${plural(notes.length, "warning")}: `, h("span", { class: "aside" }, run.notes.at(-1).text ?? "")), notes.slice(-50)));
  }

  confirm() {
    const { about } = this.page;
    const now = this.page.live.ending !== null;
    const what = now ? "Calls and scripts that are under way are ended too; what they would have answered is lost."
      : `Its process (${about.process || "unknown"}) is asked to end in order, as Ctrl-C does: calls that are under way may still end, nothing more begins. Whatever else that process runs ends too.`;
    const dialog = h("dialog", { "aria-labelledby": "sure" }, h("h2", { id: "sure" }, now ? "Stop at once?" : "Cancel this run?"), h("p", {}, what, " What is finished stays recorded."),
      h("form", { method: "dialog" }, h("button", { value: "no", autofocus: true }, "Let it run"), h("button", { value: "yes", class: "danger" }, now ? "Stop it" : "Cancel the run")));
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "yes") this.act("cancel", this.cancel);
      dialog.remove();
      this.sure = null;
    });
    this.sure = dialog;
    document.body.append(dialog);
    dialog.showModal();
  }

  async act(verb, button) {
    button.disabled = true;
    this.refusal = "";
    try {
      await ask(runPath(this.page.id, `/${verb}`), { method: "POST" });
    } catch (error) {
      this.refusal = `${error.message}${error.hint ? ` (${error.hint})` : ""}`;
    }
    // A third signal would end the process without any order.
    button.disabled = verb === "cancel" && this.page.live.ending !== null;
    await this.page.ended();
  }

  help() {
    const keys = [["Tab, arrows", "move in the map: up and down along edges"], ["Enter", "open an agent"], ["Escape", "close it"], ["+  -  0", "zoom, show all (in the map)"], ["m", "to the map"],
      ["1 … 5", "the tabs below"], ["/", "filter agents"], ["f", "the first agent that failed"], ["?", "this list"]];
    const dialog = h("dialog", { "aria-labelledby": "keys" }, h("h2", { id: "keys" }, "Keys"), h("dl", { class: "keys" }, keys.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])), h("form", { method: "dialog" }, h("button", { autofocus: true }, "Close")));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}

