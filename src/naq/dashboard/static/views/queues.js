// Queues: how long they are, and whether they are paused.

import { button, h, status, table, visible } from "../dom.js";

function pause(queue, page) {
  const name = queue.name;
  if (queue.paused) {
    return button("Resume", `pause ${name}`, () => page.change(
      ["Resume the queue?", `Workers take jobs from ${visible(name)} again.`, "Resume"], "queues/resume", { name }),
    { "aria-label": `Resume ${visible(name)}` });
  }
  return button("Pause", `pause ${name}`, () => page.change(
    ["Pause the queue?", `${visible(name)} gives no jobs until it is resumed. Jobs that run are finished.`, "Pause"],
    "queues/pause", { name }),
  { "aria-label": `Pause ${visible(name)}` });
}

function purge(queue, page) {
  const name = queue.name;
  return button("Purge", `purge ${name}`, () => page.change(
    ["Purge the queue?", `This removes all ${queue.jobs} jobs of ${visible(name)}. It cannot be undone.`, "Purge"],
    "queues/purge", { name }),
  { "aria-label": `Purge ${visible(name)}`, disabled: !queue.jobs });
}

export function queueTable(queues, page) {
  return table("Queues", [["queue"], ["jobs", "number"], ["in hand", "number"], ["state"], ["actions", null, ""]],
    queues.map(queue => [
      h("a", { href: page.address({ view: "jobs", queue: queue.name }), "data-key": `queue ${queue.name}` }, visible(queue.name)),
      queue.jobs, queue.in_hand, status(queue.paused ? "paused" : "active"),
      h("div", { class: "buttons" }, pause(queue, page), purge(queue, page)),
    ]), "There are no queues.");
}

export const queues = {
  title: "Queues",
  topics: ["queues"],
  load: (_parameters, get) => get("queues"),
  draw: (data, page) => [h("h1", null, "Queues"), queueTable(data.queues, page)],
};
