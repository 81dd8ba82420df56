// Figures, charts, queues and workers at one glance.

import { chart } from "../chart.js";
import { h } from "../dom.js";
import { queueTable } from "./queues.js";
import { workerTable } from "./workers.js";

function figure(name, value, href) {
  return h("div", { class: "figure" }, h("b", null, String(value)), href ? h("a", { href }, name) : name);
}

export const overview = {
  title: "Overview",
  topics: ["jobs", "queues", "workers", "aside"],

  async load(_parameters, get) {
    const [now, hour, day] = await Promise.all([get("overview"), get("chart", { span: "hour" }), get("chart", { span: "day" })]);
    return { now, hour, day };
  },

  draw({ now, hour, day }, page) {
    const held = now.queues.reduce((sum, queue) => sum + queue.jobs, 0);
    const alive = now.workers.filter(worker => !worker.stale).length;
    return [
      h("h1", null, "Overview"),
      h("div", { class: "figures" },
        figure("jobs in queues", held, page.address({ view: "jobs", state: "queued" })),
        figure("completed a second, last minute", now.rate.toFixed(1), page.address({ view: "jobs", state: "completed" })),
        figure("failed jobs", now.failed_count, page.address({ view: "jobs", state: "failed" })),
        figure("workers", alive, page.address({ view: "workers" })),
        figure("messages set aside", now.set_aside_count, page.address({ view: "aside" }))),
      h("h2", null, "Jobs that ended"),
      h("div", { class: "charts" }, chart("Last hour", hour), chart("Last day", day)),
      h("h2", null, "Queues"),
      queueTable(now.queues, page),
      h("h2", null, "Workers"),
      workerTable(now.workers, now.time),
    ];
  },
};
