// Jobs by state: filters and pages in the address, and actions for many at once.

import { button, cut, h, status, table, visible } from "../dom.js";
import { ago } from "../times.js";

const STATES = ["scheduled", "waiting", "queued", "running", "retrying", "completed", "failed", "cancelled"];
const CANCELLABLE = new Set(["scheduled", "waiting", "queued", "running", "retrying"]);
const FILTERS = ["state", "queue", "task", "since"];

const SPANS = [["", "any time"], ["5min", "5 minutes"], ["1h", "hour"], ["1d", "day"], ["7d", "week"]];

// What the reader has selected and typed in this listing; it outlasts what comes in.
let chosen = new Set();
let form = null;
let listing = null;

function wanted(parameters) {
  return Object.fromEntries(FILTERS.map(name => [name, parameters.get(name) || ""]));
}

function states(filters, page) {
  const link = (state, label) => h("li", null, h("a", {
    href: page.address({ view: "jobs", ...filters, state }), "data-key": `state ${state}`,
    "aria-current": filters.state === state ? "true" : null,
  }, label));
  return h("ul", { class: "states", "aria-label": "States" }, link("", "all"), STATES.map(state => link(state, state)));
}

function filterForm(filters, page) {
  return h("form", {
    class: "filters", role: "search",
    onsubmit: event => {
      event.preventDefault();
      const given = Object.fromEntries(new FormData(event.target));
      page.go({ view: "jobs", state: filters.state, ...given });
    },
  },
  h("label", null, "queue", h("input", { type: "text", name: "queue", value: filters.queue, "data-key": "filter queue" })),
  h("label", null, "task, * for any characters", h("input", { type: "text", name: "task", value: filters.task, "data-key": "filter task", placeholder: "app.tasks:*" })),
  h("label", null, "in the last", h("select", { name: "since", "data-key": "filter since" },
    (SPANS.some(([value]) => value === filters.since) ? SPANS : [...SPANS, [filters.since, filters.since]])
      .map(([value, label]) => h("option", { value, selected: value === filters.since }, visible(label))))),
  h("button", { "data-key": "filter" }, "Filter"),
  filters.queue || filters.task || filters.since
    ? h("a", { href: page.address({ view: "jobs", state: filters.state }) }, "Clear") : null);
}

function bulk(jobs, filters, page) {
  const picked = jobs.filter(each => chosen.has(each.job_id));
  const of = test => picked.filter(test).map(each => each.job_id);
  const failed = of(each => each.status === "failed"), running = of(each => CANCELLABLE.has(each.status));
  const many = ids => `${ids.length} ${ids.length === 1 ? "job" : "jobs"}`;
  const act = (label, ids, text, path) => button(ids.length ? `${label} ${many(ids)}` : label, `bulk ${label}`, async () => {
    if (!await page.change([`${label} ${many(ids)}?`, text, label], path, { ids })) return;
    chosen = new Set();
    page.redraw();
  }, { disabled: !ids.length });
  const parts = [
    act("Requeue", failed, "They get their full number of attempts again.", "jobs/requeue"),
    act("Cancel", running, "Those that run are broken off. Whoever waits for a result gets an error.", "jobs/cancel"),
    act("Remove", failed, "They can no longer be requeued. This cannot be undone.", "jobs/delete"),
  ];
  if (filters.state === "failed" && !filters.task && !filters.since) {
    const queue = filters.queue || null, which = queue ? ` of ${visible(queue)}` : "";
    parts.push(
      button("Requeue all", "requeue all", () => page.change(
        [`Requeue all failed jobs${which}?`, "Also those of other pages.", "Requeue all"], "failed/requeue", { queue })),
      button("Remove all", "remove all", () => page.change(
        [`Remove all failed jobs${which}?`, "Also those of other pages. This cannot be undone.", "Remove all"], "failed/purge", { queue })));
  }
  return h("div", { class: "buttons bulk", role: "group", "aria-label": "For the selected jobs" }, parts);
}

function row(each, now, page) {
  return [
    h("input", {
      type: "checkbox", "data-key": `choose ${each.job_id}`, "aria-label": `Select ${visible(each.job_id)}`,
      checked: chosen.has(each.job_id),
      onchange: event => {
        event.target.checked ? chosen.add(each.job_id) : chosen.delete(each.job_id);
        page.redraw();
      },
    }),
    h("a", { href: page.address({ view: "job", id: each.job_id }), "data-key": `job ${each.job_id}` }, visible(each.job_id)),
    status(each.status),
    ago(each.since, now),
    cut(each.function, 80),
    cut(each.arguments, 100),
    cut(each.queue, 60),
    each.attempts ?? each.failures ?? "",
    cut(each.error, 140) || cut(each.worker, 60),
  ];
}

function all(jobs, page) {
  return h("input", {
    type: "checkbox", "data-key": "choose all", "aria-label": "Select all jobs of this page",
    checked: jobs.length > 0 && jobs.every(each => chosen.has(each.job_id)),
    onchange: event => {
      chosen = new Set(event.target.checked ? jobs.map(each => each.job_id) : []);
      page.redraw();
    },
  });
}

function pages(data, parameters, filters, page) {
  const parts = [];
  if (parameters.get("page")) parts.push(h("a", { href: page.address({ view: "jobs", ...filters }), "data-key": "first" }, "First page"));
  if (data.next) parts.push(h("a", { href: page.address({ view: "jobs", ...filters, page: data.next }), "data-key": "next" }, "Next page"));
  const note = data.searched_to
    ? h("span", { class: "soft" }, "The search has looked at 10,000 jobs, back to ", ago(data.searched_to, data.time), ".") : null;
  return h("nav", { class: "pages", "aria-label": "Pages" }, parts, note);
}

export const jobs = {
  title: "Jobs",
  topics: ["jobs"],

  load(parameters, get) {
    const asked = [...FILTERS, "page"].map(name => [name, parameters.get(name)]).filter(([, value]) => value);
    return get("jobs", asked);
  },

  draw(data, page, parameters) {
    const filters = wanted(parameters);
    if (listing !== location.search) {
      listing = location.search;
      chosen = new Set();
      form = filterForm(filters, page);
    }
    const listed = data.jobs;
    return [
      h("h1", null, "Jobs"),
      states(filters, page),
      form,
      listed.length || filters.state === "failed" ? bulk(listed, filters, page) : null,
      table("Jobs", [[all(listed, page), null, ""], ["job", "code"], ["state"], ["since", "short"], ["task", "code"],
        ["arguments", "code"], ["queue"], ["attempts", "number"], ["error or worker"]],
      listed.map(each => row(each, data.time, page)), "There are no such jobs."),
      pages(data, parameters, filters, page),
    ].filter(Boolean);
  },
};
