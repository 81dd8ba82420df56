// The control-flow graph of a function beside its own lines: dots are lines, rails on the left are edges.
// A general layout, as dagre or elkjs makes it, moves the lines away from each other; here the function
// stays readable, forty exceptional edges with one target share one rail, and a phone shows all rails.
import { element, svg } from "./elements.js";

const ROW = 22;
const LETTER = 7.25;
const RAIL = 13;
const NUMBERS = 42;
const EXITS = {
  end: "the function ends",
  raises: "an exception leaves",
  cancelled: "a cancellation leaves",
};

const where = (node) => (node in EXITS ? EXITS[node] : `line ${node}`);
const inWords = { normal: "goes on", raises: "raises", cancelled: "is cancelled" };

// The rows of a picture: the lines of the function, then the ways out that it has.
function rowsOf(graph, lines) {
  const used = new Set(graph.edges.map((edge) => edge.target));
  const rows = [];
  for (let line = graph.first; line <= Math.min(graph.last, lines.length); line++) {
    rows.push({ node: line, text: lines[line - 1] });
  }
  while (rows.length && !rows.at(-1).text.trim()) rows.pop();
  for (const exit of Object.keys(EXITS)) {
    if (used.has(exit)) rows.push({ node: exit, text: EXITS[exit] });
  }
  return rows;
}

// Edges with the same target share a rail, normal ones apart from the others.
function railsOf(edges, rowOf, nodes) {
  const rails = new Map();
  for (const edge of edges) {
    const from = rowOf.get(edge.source);
    const to = rowOf.get(edge.target);
    if (from === undefined || to === undefined) continue;
    const next = to > from && !nodes.slice(nodes.indexOf(from) + 1).some((row) => row < to);
    const kind = edge.kind === "normal" ? "normal" : "error";
    if (next && kind === "normal") continue;
    const key = `${edge.target} ${kind}`;
    if (!rails.has(key)) rails.set(key, { kind, to, from: [] });
    rails.get(key).from.push(from);
  }
  for (const rail of rails.values()) {
    rail.top = Math.min(rail.to, ...rail.from);
    rail.bottom = Math.max(rail.to, ...rail.from);
  }
  // Short rails stay close to the lines.
  const sorted = [...rails.values()].sort((a, b) => a.bottom - a.top - (b.bottom - b.top) || a.top - b.top);
  const lanes = [];
  for (const rail of sorted) {
    rail.lane = lanes.findIndex((taken) => taken.every((other) => rail.top > other.bottom || rail.bottom < other.top));
    if (rail.lane < 0) rail.lane = lanes.push([]) - 1;
    lanes[rail.lane].push(rail);
  }
  return { rails: sorted, width: lanes.length };
}

const y = (row) => row * ROW + ROW / 2;

function picture(graph, lines, leak) {
  const rows = rowsOf(graph, lines);
  const rowOf = new Map(rows.map((row, number) => [row.node, number]));
  const used = new Set(graph.edges.flatMap((edge) => [edge.source, edge.target]));
  const nodes = rows.map((row, number) => (used.has(row.node) ? number : -1)).filter((row) => row >= 0);
  const { rails, width } = railsOf(graph.edges, rowOf, nodes);
  const longest = Math.max(...rows.map((row) => row.text.length));
  const dots = width * RAIL + 18;
  const lane = (rail) => dots - 16 - rail.lane * RAIL;
  const text = dots + NUMBERS;
  const total = { width: text + longest * LETTER + 8, height: rows.length * ROW + 4 };
  const drawing = svg("g");

  const onPath = new Set(leak ? [leak.opened, ...leak.edges.map((edge) => edge.target)] : []);
  for (const [number, row] of rows.entries()) {
    const exit = row.node in EXITS;
    if (onPath.has(row.node)) {
      drawing.append(svg("rect", { class: "on-path", x: dots + 9, y: number * ROW + 1, width: total.width - dots - 9, height: ROW - 2, rx: 3 }));
    }
    if (!exit) drawing.append(svg("text", { class: "number", x: text - 8, y: y(number) + 4 }, String(row.node)));
    drawing.append(svg("text", { class: exit ? "exit" : "line", x: text, y: y(number) + 4 }, row.text));
  }
  for (const [index, row] of nodes.slice(0, -1).entries()) {
    const next = nodes[index + 1];
    const edge = graph.edges.some(
      (one) => one.kind === "normal" && rowOf.get(one.source) === row && rowOf.get(one.target) === next,
    );
    if (edge) drawing.append(svg("path", { class: "normal", d: `M${dots} ${y(row)}V${y(next)}` }));
  }
  for (const rail of rails) {
    const x = lane(rail);
    const group = svg("g", { class: rail.kind });
    group.append(svg("path", { d: `M${x} ${y(rail.top)}V${y(rail.bottom)}` }));
    for (const from of rail.from) group.append(svg("path", { d: `M${dots} ${y(from)}H${x}` }));
    group.append(svg("path", { d: `M${x} ${y(rail.to)}H${dots - 6}` }));
    group.append(svg("path", { class: "head", d: `M${dots - 4} ${y(rail.to)}l-7 -4v8z` }));
    drawing.append(group);
  }
  for (const edge of leak?.edges ?? []) {
    const from = rowOf.get(edge.source);
    const to = rowOf.get(edge.target);
    if (from === undefined || to === undefined) continue;
    const kind = edge.kind === "normal" ? "normal" : "error";
    const rail = rails.find((one) => one.to === to && one.from.includes(from) && one.kind === kind)
      ?? rails.find((one) => one.to === to && one.from.includes(from));
    const way = rail ? `M${dots} ${y(from)}H${lane(rail)}V${y(to)}H${dots}` : `M${dots} ${y(from)}V${y(to)}`;
    drawing.append(svg("path", { class: "leak", d: way }));
  }
  for (const row of nodes) {
    drawing.append(svg("circle", { class: onPath.has(rows[row].node) ? "node on-path" : "node", cx: dots, cy: y(row), r: 4 }));
  }
  return { drawing, total };
}

const LEAVING = { raises: "raises", cancelled: "is cancelled", returns: "returns" };

function sentence(leak) {
  if (!leak) return "Every path closes what it opens, or hands it on.";
  const name = leak.name || "the connection";
  const steps = leak.edges.map(({ target }) => {
    const event = target === leak.line ? LEAVING[leak.how] : undefined;
    return event ? `${target}, which ${event}` : (EXITS[target] ?? target);
  });
  return `Path that leaks ${name}: line ${[leak.opened, ...steps].join(" → ")}.`;
}

function asText(graph) {
  const bySource = Map.groupBy
    ? Map.groupBy(graph.edges, (edge) => edge.source)
    : graph.edges.reduce((all, edge) => all.set(edge.source, [...(all.get(edge.source) ?? []), edge]), new Map());
  const items = [...bySource].map(([source, edges]) => {
    const ways = edges.map((edge) => (edge.kind === "normal" ? where(edge.target) : `${inWords[edge.kind]}: ${where(edge.target)}`));
    return element("li", {}, `${where(source)} → ${ways.join("; ")}`);
  });
  return element("details", {}, element("summary", {}, "The graph as text"), element("ul", {}, ...items));
}

// A figure for each connection that leaks, or one for a function in which none does.
export function figures(graph, text) {
  const lines = text.split(/\r\n|\r|\n/);
  const leaks = graph.leaks.length ? graph.leaks : [null];
  return leaks.map((leak, number) => {
    const { drawing, total } = picture(graph, lines, leak);
    const caption = sentence(leak);
    const view = svg("svg", {
      viewBox: `0 0 ${total.width} ${total.height}`,
      width: total.width,
      height: total.height,
      role: "img",
      "aria-label": `Control-flow graph of ${graph.qualname || "the module"}. ${caption}`,
    });
    view.append(drawing);
    return element(
      "figure",
      { class: "flow" },
      element("figcaption", {}, element("code", {}, graph.qualname || "module"), ` ${caption}`),
      element("div", { class: "picture", tabindex: 0, role: "region", "aria-label": `Graph ${number + 1} of ${graph.qualname || "the module"}` }, view),
      asText(graph),
    );
  });
}
