// Making elements. Text stays text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== ""));
  return element;
}

export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

// Characters that are not seen, or turn the text around, are written as their numbers.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export function visible(text) {
  return String(text ?? "").replace(HIDDEN, sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function cut(text, length) {
  const shown = visible(text);
  return shown.length > length ? `${shown.slice(0, length - 1)}…` : shown;
}

// A button; `key` finds it again when the view is drawn anew, so that it keeps the focus.
export function button(label, key, act, attributes) {
  return h("button", { type: "button", "data-key": key, onclick: act, ...attributes }, label);
}

export function status(name) {
  return h("span", { class: `status ${/^[a-z]+$/.test(name) ? name : ""}` }, visible(name));
}

// columns: [label, class?]; rows: arrays of cells, each a text or a node.
export function table(caption, columns, rows, empty) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  return h("table", null,
    h("caption", null, caption),
    h("thead", null, h("tr", null, columns.map(([label, kind]) => h("th", { scope: "col", class: kind }, label)))),
    h("tbody", null, rows.map(cells => h("tr", null, cells.map((cell, at) =>
      h("td", { class: columns[at][1], "data-label": columns[at][2] ?? (typeof columns[at][0] === "string" ? columns[at][0] : "") },
        cell instanceof Node || Array.isArray(cell) ? cell : visible(cell)))))));
}

export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", null, known.map(([name, value]) => [h("dt", null, name), h("dd", null, value instanceof Node ? value : visible(value))]));
}
