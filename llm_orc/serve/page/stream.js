// Events as they happen. After a break the stream goes on behind the last event that was seen.

import { ask, runPath } from "./dom.js";

const SLOWEST = 8000;

export class Stream {
  constructor(page) {
    this.page = page;
    this.wait = 500;
    // Browsers open six connections to a server: a tab that nobody sees needs none when its run has ended.
    this.seen = () => {
      if (document.hidden && this.page.live.status !== "running") this.close();
      else if (!document.hidden && !this.source) this.open();
    };
  }

  open() {
    document.addEventListener("visibilitychange", this.seen);
    clearTimeout(this.again);
    this.source?.close();
    const source = (this.source = new EventSource(runPath(this.page.id, `/stream?after=${this.page.live.seq}`)));
    source.onopen = () => {
      this.wait = 500;
      this.page.header.connected(true);
    };
    source.onmessage = (message) => this.page.take(JSON.parse(message.data));
    source.addEventListener("status", (message) => this.page.status(JSON.parse(message.data)));
    source.onerror = () => {
      // Its own attempts begin with the address of the first one: ours with the last event that was seen.
      source.close();
      this.source = null;
      this.page.header.connected(false);
      this.again = setTimeout(() => this.tryAgain(), this.wait);
      this.wait = Math.min(SLOWEST, this.wait * 1.6);
    };
  }

  /** What the server says now: a run that was forgotten is not asked for any more. */
  async tryAgain() {
    const refusal = await ask(runPath(this.page.id)).then(() => null, (error) => error);
    if (refusal?.status === 404) this.page.status("forgotten");
    else if (refusal?.status === 401) this.page.header.connected(false, "a token is needed: open the link again");
    else this.open();
  }

  close() {
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  }
}
