// Profiles as a flame graph: of a service and a time, by time, by allocation, or by whatever else they measure.

import * as api from "./api.js";
import { element } from "./dom.js";
import { bars, called, tree } from "./flame.js";
import { decode } from "./pprof.js";
import { bytes, count, duration, name } from "./text.js";

const RANGES = [["last 15 minutes", 15], ["last hour", 60], ["last 24 hours", 24 * 60], ["all that is kept", 0]];

// Shades, so that neighbours are told apart.
const SHADES = 4;

export async function list() {
  const heading = element("h2", {}, "Profiles");
  const services = await api.profiled();
  if (services.length === 0) {
    return [heading, element("p", { role: "status" }, "No profile has come yet. They come with the first `waspect run`, or by POST /api/pprof.")];
  }
  const shown = element("div");
  const service = select("Service ", services.map((text) => [name(text), text]), load);
  const range = select("Time ", RANGES, load);
  range.input.value = "1";
  async function load() {
    try {
      const minutes = RANGES[range.input.value][1];
      shown.replaceChildren(...picture(await api.profile(services[service.input.value], minutes)));
    } catch (error) {
      shown.replaceChildren(element("p", { role: error.status === 404 ? "status" : "alert" }, error.status === 404 ? "No profile of that time is here." : error.message));
    }
  }
  await load();
  return [heading, element("p", { className: "choices" }, service.label, range.label), shown];
}

function select(title, options, changed) {
  const input = element("select", { onchange: changed }, options.map(([text], at) => element("option", { value: String(at) }, text)));
  return { input, label: element("label", {}, title, input) };
}

function picture(packed) {
  const profile = decode(packed);
  const of = profile.types.findIndex(({ name }) => name === profile.shown);
  const by = select("Width ", profile.types.map((type) => [name(type.name), type]), draw);
  by.input.value = String(Math.max(of, 0));
  const flame = element("div", { className: "flame", role: "tree" });
  const said = element("p", { role: "status", className: "said" });
  function draw() {
    const column = Number(by.input.value);
    const show = shower(profile.types[column] ?? { unit: "" });
    flame.setAttribute("aria-label", `Flame graph by ${name(profile.types[column]?.name)}`);
    graph(flame, said, tree(profile.samples, column), show);
  }
  draw();
  const remarks = profile.remarks.map((text) => element("p", { className: "warning", role: "status" }, name(text)));
  const help = "Arrow keys go from function to function, Enter widens one, Escape goes back.";
  return [element("p", { className: "choices" }, by.label), ...remarks, element("p", { className: "warning" }, help), said, flame];
}

function shower({ unit }) {
  if (unit === "nanoseconds") return duration;
  return unit === "bytes" ? bytes : count;
}

// Draws a tree into an element, which is walked with the keyboard.
function graph(flame, said, root, show) {
  let frames = new Map();
  let wide = root;
  const tell = ({ name: text, value, own }) => `${name(text)}: ${show(value)}, ${count((100 * value) / root.value || 0)} %, ${show(own)} of its own`;
  function widen(node, focused = node) {
    wide = node;
    const all = bars(node);
    frames = new Map(all.map((bar) => [bar.node, frame(bar)]));
    flame.style.height = `${(1 + Math.max(...all.map(({ row }) => row))) * 1.4}rem`;
    flame.replaceChildren(...frames.values());
    enter(frames.has(focused) ? focused : node, false);
  }
  function frame({ node, row, left, width }) {
    const item = element("div", { role: "treeitem", className: `frame shade${shade(node.name)}`, "aria-level": row + 1, "aria-label": tell(node), title: tell(node), tabIndex: -1 }, name(node.name));
    item.style.top = `${row * 1.4}rem`;
    item.style.left = `${left * 100}%`;
    item.style.width = `${width * 100}%`;
    item.addEventListener("click", () => (widen(node), enter(node)));
    item.addEventListener("focus", () => (said.textContent = tell(node)));
    item.addEventListener("keydown", (event) => key(event, node));
    return item;
  }
  // Where there is nobody, one stays.
  function enter(node, focus = true) {
    const item = frames.get(node);
    if (!item) return;
    for (const other of frames.values()) other.tabIndex = -1;
    item.tabIndex = 0;
    if (focus) item.focus();
  }
  function key(event, node) {
    const beside = (by) => {
      const all = node.parent ? called(node.parent) : [node];
      return all[all.indexOf(node) + by];
    };
    const ways = {
      ArrowDown: () => enter(called(node)[0]),
      ArrowUp: () => enter(node.parent),
      ArrowRight: () => enter(beside(1)),
      ArrowLeft: () => enter(beside(-1)),
      Enter: () => (widen(node), enter(node)),
      Escape: () => (widen(wide.parent ?? root, node), enter(node)),
    };
    if (!ways[event.key]) return;
    event.preventDefault();
    ways[event.key]();
  }
  said.textContent = root.value === 0 ? "Nothing of this was measured." : tell(root);
  widen(root);
}

function shade(text) {
  let sum = 0;
  for (const character of String(text).slice(0, 100)) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return sum % SHADES;
}
