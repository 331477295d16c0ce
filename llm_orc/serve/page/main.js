// Which page it is follows from the path.

import { Compare } from "./compare.js";
import { RunList } from "./runs.js";
import { saved } from "./dom.js";
import { RunPage } from "./run.js";
import { applyTheme } from "./theme.js";

applyTheme();
const main = document.getElementById("main"), top_ = document.getElementById("top");
const [place, ...names] = location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
const page = saved ? new RunPage(main, top_, saved)
  : place === "runs" && names.length ? new RunPage(main, top_, names[0])
    : place === "compare" && names.length > 1 ? new Compare(main, top_, names[0], names[1])
    : new RunList(main, top_);
document.body.classList.add(page.constructor.name);
page.start();
