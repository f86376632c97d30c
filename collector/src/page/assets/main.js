// The page: which view is shown, by the address behind `#`.

import * as api from "./api.js";
import { element } from "./dom.js";
import * as functions from "./functions.js";
import * as health from "./health.js";
import * as memory from "./memory.js";
import * as profiles from "./profiles.js";
import * as traces from "./traces.js";

const main = document.getElementById("main");
let leaving = new AbortController();

function view() {
  const [, which, id] = location.hash.split("/");
  switch (which) {
    case "functions": return ["Functions", () => functions.list()];
    case "memory": return ["Memory", (signal) => memory.list(signal)];
    case "profiles": return ["Profiles", () => profiles.list()];
    case "health": return ["Health", () => health.list()];
    default: return id ? ["Trace", () => traces.one(decodeURIComponent(id))] : ["Traces", (signal) => traces.list(signal)];
  }
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [title, render] = view();
  document.title = `${title} - Waspect`;
  for (const link of document.querySelectorAll("nav a")) {
    const isHere = (location.hash || "#/traces").startsWith(link.getAttribute("href"));
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  let nodes;
  try {
    nodes = await render(signal);
  } catch (error) {
    nodes = [error instanceof api.Refused ? ask(error) : element("p", { role: "alert" }, error.message)];
  }
  // Somebody went on meanwhile.
  if (signal.aborted) return;
  main.replaceChildren(...nodes.filter(Boolean));
  main.dataset.shown = title;
}

function ask(error) {
  const input = element("input", { id: "token", type: "password", autocomplete: "off" });
  const given = (event) => {
    event.preventDefault();
    api.use(input.value);
    show();
  };
  return element("form", { onsubmit: given },
    element("p", { role: "alert" }, error.message),
    element("label", { htmlFor: "token" }, "Token of query.auth "), input, " ",
    element("button", {}, "Ask"));
}

addEventListener("hashchange", async () => {
  await show();
  // Where a reader of the screen goes on; the eye begins at the top.
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
show();
