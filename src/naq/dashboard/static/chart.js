// Bars of jobs that completed and failed, drawn as SVG.

import { h, svg } from "./dom.js";
import { clock } from "./times.js";

const WIDTH = 600, HEIGHT = 100;

export function chart(title, data) {
  const bars = data.completed.length;
  const most = Math.max(1, ...data.completed.map((count, i) => count + data.failed[i]));
  const wide = WIDTH / bars;
  const drawn = [];
  for (let i = 0; i < bars; i++) {
    const completed = data.completed[i], failed = data.failed[i];
    const [good, bad] = [completed, failed].map(count => count && Math.max(2, count / most * HEIGHT));
    const place = { x: (i * wide + wide * .1).toFixed(1), width: (wide * .8).toFixed(1) };
    const note = svg("title", null, `${clock(data.start + i * data.step)}: ${completed} completed, ${failed} failed`);
    drawn.push(svg("g", null, note,
      svg("rect", { x: (i * wide).toFixed(1), y: 0, width: wide.toFixed(1), height: HEIGHT, fill: "transparent" }),
      svg("rect", { ...place, y: (HEIGHT - good).toFixed(1), height: good.toFixed(1), class: "bar-completed" }),
      svg("rect", { ...place, y: (HEIGHT - good - bad).toFixed(1), height: bad.toFixed(1), class: "bar-failed" })));
  }
  const sum = counts => counts.reduce((total, count) => total + count, 0);
  const text = `${title}: ${sum(data.completed)} completed, ${sum(data.failed)} failed`;
  const unknown = data.stored_since === null ? " No event is stored."
    : data.stored_since > data.start ? ` Events are stored since ${clock(data.stored_since)}.` : "";
  return h("figure", null,
    h("figcaption", null, `${text}, at most ${most} in ${data.step / 60} min.${unknown}`),
    svg("svg", { viewBox: `0 -4 ${WIDTH} ${HEIGHT + 5}`, preserveAspectRatio: "none", role: "img", "aria-label": text },
      drawn, svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT })));
}
