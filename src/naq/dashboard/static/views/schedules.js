// Scheduled jobs: when they run, and to run them now.

import { button, cut, h, status, table, visible } from "../dom.js";
import { ago } from "../times.js";

function times(schedule) {
  if (schedule.cron) return `${schedule.cron} ${schedule.timezone}`;
  return schedule.interval ? `every ${schedule.interval} s` : "once";
}

function actions(schedule, page) {
  const id = schedule.job_id, name = visible(id);
  const made = (label, text, path) => button(label, `${path} ${id}`, () => page.change(
    [`${label} ${name}?`, text, label], `schedules/${path}`, { id }), { "aria-label": `${label} ${name}` });
  if (schedule.status === "ended") return made("Remove", "Its runs are all done.", "cancel");
  return h("div", { class: "buttons" },
    made("Run now", "This enqueues it once, at once. Its own times stay as they are.", "run"),
    schedule.status === "paused"
      ? made("Resume", "It runs at its times again.", "resume")
      : made("Pause", "It stays stored, and does not run until it is resumed.", "pause"),
    made("Remove", "It does not run any more. This cannot be undone.", "cancel"));
}

export const schedules = {
  title: "Schedules",
  topics: ["schedules"],
  load: (_parameters, get) => get("schedules"),
  draw: (data, page) => [
    h("h1", null, "Schedules"),
    data.count > data.schedules.length ? h("p", { class: "soft" }, `The next ${data.schedules.length} of ${data.count}.`) : null,
    table("Schedules", [["job", "code"], ["function", "code"], ["arguments", "code"], ["queue"], ["runs"], ["next", "short"], ["state"], ["actions", null, ""]],
      data.schedules.map(each => [
        each.job_id, each.function, cut(each.arguments, 80), each.queue, times(each), ago(each.run_at, data.time),
        status(each.status), actions(each, page),
      ]), "Nothing is scheduled."),
  ].filter(Boolean),
};
