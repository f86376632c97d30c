// Nodes of the page. Whatever comes from telemetry gets here as text and stays text: nothing on this page parses markup.

// An element with properties and children: strings become text, nothing is left out.
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// A table: `columns` are `{ title, number?, value, cell? }`, where `value` is what a column is sorted by.
export function table(caption, columns, rows, { sort = 0, descending = false } = {}) {
  const body = element("tbody");
  const headers = columns.map((column, index) =>
    element("th", { scope: "col", className: column.number ? "number" : "" },
      element("button", { type: "button", onclick: () => order(index, index === sort ? !descending : Boolean(column.number)) }, column.title)));
  function order(by, down) {
    [sort, descending] = [by, down];
    const { value } = columns[sort];
    const sorted = rows.toSorted((a, b) => compare(value(a), value(b)) * (descending ? -1 : 1));
    headers.forEach((header, index) => {
      if (index === sort) header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    });
    body.replaceChildren(...sorted.map((row) => element("tr", {}, columns.map((column) =>
      element("td", { className: column.number ? "number" : "" }, (column.cell ?? column.value)(row))))));
  }
  order(sort, descending);
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, headers)), body));
}

function compare(a, b) {
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b));
}
