// Workers, alive and presumed dead.

import { h, status, table } from "../dom.js";
import { ago } from "../times.js";

export function workerTable(workers, now) {
  return table("Workers", [["worker", "code"], ["state"], ["queues"], ["concurrency", "number"], ["host"], ["last seen", "short"]],
    workers.map(worker => [
      worker.worker_id, status(worker.status), [].concat(worker.details.queues || []).join(", "),
      worker.details.concurrency ?? "", worker.details.host ?? "", ago(worker.last_seen, now),
    ]), "No worker is running.");
}

export const workers = {
  title: "Workers",
  topics: ["workers"],
  load: (_parameters, get) => get("workers"),
  draw: data => [h("h1", null, "Workers"), workerTable(data.workers, data.time)],
};
