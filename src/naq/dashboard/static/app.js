// The page: which view the address names, and when it is drawn anew.

import { get, post } from "./api.js";
import { confirmed } from "./confirm.js";
import { listen } from "./live.js";
import { aside } from "./views/aside.js";
import { job } from "./views/job.js";
import { jobs } from "./views/jobs.js";
import { overview } from "./views/overview.js";
import { queues } from "./views/queues.js";
import { schedules } from "./views/schedules.js";
import { workers } from "./views/workers.js";

// Each has `title`, `topics`, `load(parameters)` and `draw(data, page)`.
const VIEWS = { overview, jobs, job, queues, schedules, workers, aside };

const content = document.getElementById("content");
const state = document.getElementById("state");
const problem = document.getElementById("problem");

let turn = 0;
let again = false;
let drawing = false;

function parameters() {
  return new URLSearchParams(location.search);
}

function current() {
  const name = parameters().get("view") || "overview";
  return Object.hasOwn(VIEWS, name) ? [name, VIEWS[name]] : ["overview", overview];
}

// What a view may do.
const page = {
  // The address of a view with these parameters, without the empty ones.
  address(wanted) {
    const kept = Object.entries(wanted).filter(([, value]) => value !== undefined && value !== null && value !== "");
    return `?${new URLSearchParams(kept)}`;
  },

  go(wanted) {
    history.pushState(null, "", page.address(wanted));
    show();
  },

  redraw: () => refresh(),

  report(text) {
    problem.textContent = text;
  },

  // Ask, do it, and draw anew. `question` is [title, text, label].
  async change(question, name, body) {
    if (!await confirmed(...question)) return null;
    try {
      const answer = await post(name, body);
      const failed = Object.entries(answer.errors || {});
      page.report(failed.length ? `${failed.length} not done. ${failed[0][0]}: ${failed[0][1]}` : "");
      return answer;
    } catch (error) {
      page.report(error.message);
      return null;
    } finally {
      await refresh();
    }
  },
};

function focused() {
  const element = document.activeElement;
  if (!content.contains(element)) return () => {};
  const key = element.dataset.key;
  const selection = [element.selectionStart, element.selectionEnd];
  return () => {
    if (!key) return;
    const found = content.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!found) return;
    found.focus({ preventScroll: true });
    if (selection[0] !== undefined && found.setSelectionRange) found.setSelectionRange(...selection);
  };
}

async function refresh() {
  if (drawing) {
    again = true;
    return;
  }
  drawing = true;
  const mine = turn;
  const [name, view] = current();
  try {
    const data = await view.load(parameters(), get);
    if (mine === turn) {
      const restore = focused();
      content.replaceChildren(...view.draw(data, page, parameters()));
      restore();
      if (content.dataset.view !== name) content.dataset.view = name;
      state.textContent = `updated ${new Date().toLocaleTimeString()}`;
      if (content.dataset.failed) {
        page.report("");
        delete content.dataset.failed;
      }
    }
  } catch (error) {
    page.report(error.message);
    content.dataset.failed = "yes";
    if (mine === turn && error.status === 404) content.replaceChildren();
  } finally {
    drawing = false;
    if (again || mine !== turn) {
      again = false;
      refresh();
    }
  }
}

function show() {
  turn += 1;
  const [name, view] = current();
  document.title = `${view.title} · naq`;
  for (const link of document.querySelectorAll("nav a")) {
    const own = link.dataset.view === name || (name === "job" && link.dataset.view === "jobs");
    own ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  page.report("");
  refresh();
}

document.addEventListener("click", event => {
  const link = event.target.closest("a[href^='?']");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", link.getAttribute("href"));
  show();
  content.focus();
});

addEventListener("popstate", show);

listen(
  topics => {
    if (current()[1].topics.some(topic => topics.has(topic))) refresh();
  },
  (name, error) => {
    if (name === "lost") {
      state.textContent = "not live";
      page.report(error);
      content.dataset.failed = "yes";
    }
  },
);

show();
