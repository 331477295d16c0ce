// A run again, as it happened: the events up to a point go through the same function as live ones.

import { h, put, seconds, set } from "./dom.js";
import { apply, newRun } from "./state.js";

const SPEEDS = [1, 4, 16, 64];

export class Replay {
  constructor(page) {
    this.page = page;
    this.on = false;
    this.at = 0;
    this.speed = 4;
    this.slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Event", oninput: () => this.seek(Number(this.slider.value)) });
    this.play = h("button", { type: "button", class: "small", onclick: () => this.toggle() }, "▶ Play");
    this.pace = h("select", { "aria-label": "Speed", onchange: () => (this.speed = Number(this.pace.value)) }, SPEEDS.map((each) => h("option", { value: each, selected: each === 4 }, `${each}×`)));
    this.where = h("span", { class: "aside" });
    this.controls = h("span", { class: "controls", hidden: true }, this.play, this.pace, this.slider, this.where);
    this.button = h("button", { type: "button", class: "small", "aria-pressed": "false", onclick: () => this.turn(!this.on) }, "Replay");
    this.element = h("div", { class: "replay" }, this.controls, this.button);
  }

  turn(on) {
    this.on = on;
    this.stop();
    set(this.button, "aria-pressed", on ? "true" : "false");
    put(this.button, on ? "Back to now" : "Replay");
    this.controls.hidden = !on;
    if (on) this.seek(0);
    else this.page.turnTo(this.page.live);
  }

  seek(at) {
    const { events } = this.page;
    this.at = Math.min(at, events.length);
    let run = this.page.run;
    if (!run.replayed || this.reached > this.at) {
      run = newRun();
      run.replayed = true;
      this.reached = 0;
    }
    for (; this.reached < this.at; this.reached += 1) apply(run, events[this.reached]);
    this.page.turnTo(run);
  }

  toggle() {
    if (this.timer) return this.stop();
    if (this.at >= this.page.events.length) this.seek(0);
    put(this.play, "❚❚ Pause");
    const began = this.page.run.now || Date.parse(this.page.events[0]?.ts) / 1000;
    let clock = began, last = performance.now();
    this.timer = setInterval(() => {
      const now = performance.now();
      clock += ((now - last) / 1000) * this.speed;
      last = now;
      let to = this.at;
      const { events } = this.page, shift = this.page.run.shift;
      while (to < events.length && Date.parse(events[to].ts) / 1000 - shift <= clock) to += 1;
      if (to > this.at) this.seek(to);
      if (to >= events.length) this.stop();
    }, 50);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    put(this.play, "▶ Play");
  }

  show() {
    if (!this.on) return;
    set(this.slider, "max", this.page.events.length);
    this.slider.value = this.at;
    const { run } = this.page;
    put(this.where, `${this.at} of ${this.page.events.length} events${run.began === null ? "" : `, ${seconds(run.now - run.began)}`}`);
  }
}
