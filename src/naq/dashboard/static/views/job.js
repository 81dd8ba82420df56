// One job: its call, its times, its result or traceback, and its events.

import { button, facts, h, status, table, visible } from "../dom.js";
import { at, span } from "../times.js";

function actions(job, page) {
  const ids = [job.job_id];
  const made = (label, text, path) => button(label, label, () => page.change([`${label} the job?`, text, label], path, { ids }));
  if (job.status === "failed") {
    return [
      made("Requeue", "It gets its full number of attempts again.", "jobs/requeue"),
      made("Remove", "It can no longer be requeued. This cannot be undone.", "jobs/delete"),
    ];
  }
  if (["completed", "cancelled"].includes(job.status)) return [];
  return [made("Cancel", "If it runs, it is broken off. Whoever waits for its result gets an error.", "jobs/cancel")];
}

function call(given) {
  if (given.hidden) return h("p", { class: "soft" }, `Not shown: ${visible(given.hidden)}.`);
  const rows = [...given.args.map((text, i) => [String(i), text]), ...Object.entries(given.kwargs)];
  return table("Arguments", [["name"], ["value", "code"]], rows, "None.");
}

function failure(job) {
  if (!job.traceback && !job.error) return [];
  const frame = job.frame;
  return [
    h("h2", null, "Error"),
    h("p", { class: "failed" }, visible(job.error)),
    frame ? h("pre", { class: "frame" }, visible(`${frame.file}, line ${frame.line}, in ${frame.function}\n    ${frame.code}`)) : null,
    job.traceback ? h("h2", null, "Traceback") : null,
    job.traceback ? h("pre", null, visible(job.traceback)) : null,
  ];
}

function result(job) {
  if (job.status !== "completed" || (job.result === undefined && !job.result_hidden)) return [];
  return [
    h("h2", null, "Result"),
    job.result_hidden ? h("p", { class: "soft" }, `Not shown: ${visible(job.result_hidden)}.`) : h("pre", null, visible(job.result)),
  ];
}

function events(job) {
  return [
    h("h2", null, "Events"),
    table("Events", [["event"], ["time", "short"], ["details"]], job.events.map(event => {
      const { job_id: _id, queue: _queue, function: _function, ...more } = event.data;
      return [event.type, at(event.time), Object.entries(more).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")];
    }), "None is stored."),
    job.all_events ? null : h("p", { class: "soft" }, "Only the first 10,000 events after it was enqueued were looked at."),
  ];
}

export const job = {
  title: "Job",
  topics: ["jobs"],

  load: (parameters, get) => get("job", { id: parameters.get("id") || "" }),

  draw(data, page) {
    const ran = data.started_at && data.ended_at ? span(data.ended_at - data.started_at) : "";
    const waited = data.enqueued_at && data.started_at ? span(Math.max(data.started_at - data.enqueued_at, 0)) : "";
    return [
      h("h1", null, visible(data.job_id)),
      h("div", { class: "buttons bulk" }, actions(data, page)),
      facts([
        ["state", status(data.status)],
        ["task", data.function ? h("a", { class: "code", href: page.address({ view: "jobs", task: data.function }) }, visible(data.function)) : ""],
        ["queue", data.queue ? h("a", { href: page.address({ view: "jobs", queue: data.queue }) }, visible(data.queue)) : ""],
        ["attempts", data.attempts ?? data.failures ?? ""],
        ["retries allowed", data.retries],
        ["worker", data.worker],
        ["created", at(data.created_at)],
        ["enqueued", at(data.enqueued_at)],
        ["started", at(data.started_at)],
        ["ended", at(data.ended_at)],
        ["waited", waited],
        ["ran", ran],
        ["next run", data.run_at ? at(Date.parse(data.run_at) / 1000) : ""],
        ["depends on", data.depends_on?.length ? data.depends_on.join(", ") : ""],
        ["timeout", data.timeout ? `${data.timeout} s` : ""],
        ["serializer", data.serializer],
      ]),
      h("h2", null, "Arguments"),
      call(data.arguments),
      ...failure(data),
      ...result(data),
      ...events(data),
    ].filter(Boolean);
  },
};
