// The playground once it is started: the editor, the worker, and the answers side by side.
import { editor, go, mark, replace } from "./editor.js";
import { element } from "./elements.js";
import { write } from "./fragment.js";
import { figures } from "./graph.js";

export async function run(root) {
  const area = root.querySelector("textarea");
  const file = root.querySelector("input[name=file]");
  const status = root.querySelector("[role=status]");
  const bar = root.querySelector("progress");
  const answers = root.querySelector(".answers");
  const panels = Object.fromEntries(
    [...root.querySelectorAll("[role=tabpanel]")].map((panel) => [panel.dataset.part, panel]),
  );
  let number = 0;
  let asked = 0;
  let ready = false;

  const view = editor(root.querySelector(".editor"), area.value, () => ask());
  area.remove();
  root.classList.add("started");
  tabs(root);

  let worker;
  let broken = null; // the text that Python did not survive
  const { bytes } = await (await fetch(new URL("./sizes.json", import.meta.url))).json();
  let loaded = 0;

  function progress(more) {
    loaded += more;
    bar.value = Math.min(loaded / bytes, 1);
    const share = Math.round(bar.value * 100);
    if (!ready) status.textContent = share < 95 ? `Loading: ${share} %` : "Starting Python";
  }

  function start() {
    loaded = 0;
    ready = false;
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => receive(data);
  }

  function receive(data) {
    if ("loaded" in data) progress(data.loaded);
    if (data.step) status.textContent = data.step;
    if (data.broken) status.textContent = `The playground cannot start: ${data.broken}`;
    if (data.ready) {
      ready = true;
      root.classList.add("ready");
      if (view.state.doc.toString() === broken) status.textContent = "Ready again";
      else ask();
    }
    if (data.failure) restart(data.failure, data.text);
    else if (data.part && data.number === number) {
      show(data.part, data.answer);
      if (data.part === "unsafe") answers.setAttribute("aria-busy", "false");
    }
  }

  // Python in the browser has a small stack: what it does not survive ends the worker, and a new one starts.
  function restart(failure, text) {
    worker.terminate();
    broken = text;
    const error = `Python in the browser fails on this code, and starts again: ${failure}`;
    for (const part of Object.keys(panels)) panels[part].replaceChildren(element("p", {}, error));
    answers.setAttribute("aria-busy", "false");
    start();
  }

  // Let the worker answer the text as it is now; an older text that it has not begun is dropped.
  async function ask() {
    number += 1;
    asked = performance.now();
    answers.setAttribute("aria-busy", "true");
    const text = view.state.doc.toString();
    const name = validName();
    if (ready) worker.postMessage({ number, text, file: name });
    history.replaceState(null, "", await write(text, name));
  }

  function validName() {
    const name = file.value.trim().replace(/^\/+/, "");
    return /^[\w./-]+\.py$/.test(name) && !name.includes("..") ? name : "example.py";
  }

  function show(part, answer) {
    if (part === "analysis") showFindings(answer);
    else if (part === "graphs") showGraphs(answer);
    else showFix(part, answer);
  }

  function label(part, text) {
    root.querySelector(`[role=tab][aria-controls=${panels[part].id}] span`).textContent = text;
  }

  function showFindings({ findings = [], error }) {
    const time = Math.round(performance.now() - asked);
    root.dataset.milliseconds = time;
    mark(view, findings);
    label("analysis", error ? "!" : String(findings.length));
    status.textContent = error ?? `${findings.length} ${findings.length === 1 ? "finding" : "findings"} in ${time} ms`;
    const items = findings.map((finding) =>
      element(
        "li",
        {},
        element("button", { type: "button", class: "place", onclick: () => go(view, finding.line) }, `line ${finding.line}`),
        " ",
        element("a", { href: `${root.dataset.rules}NAQ${finding.code.slice(4)}/` }, finding.code),
        ` ${finding.message}`,
      ),
    );
    const nothing = error ? `${error}` : "The linter finds nothing.";
    panels.analysis.replaceChildren(items.length ? element("ol", {}, ...items) : element("p", {}, nothing));
  }

  function showGraphs(graphs) {
    if (graphs.error) {
      panels.graphs.replaceChildren(element("p", {}, graphs.error));
      return;
    }
    const text = view.state.doc.toString();
    const leaks = graphs.reduce((count, graph) => count + graph.leaks.length, 0);
    label("graphs", leaks ? String(leaks) : "");
    const drawn = graphs.flatMap((graph) => figures(graph, text));
    const words = drawn.length
      ? "Solid: the path goes on. Dashed: an exception or a cancellation. Red: a path that leaves the connection open."
      : "No function here opens a NATS connection.";
    panels.graphs.replaceChildren(element("p", { class: "legend" }, words), ...drawn);
  }

  function showFix(part, answer) {
    label(part, answer.error ? "!" : String(answer.rewritten || ""));
    const { error, text, diff, messages = [] } = answer;
    const content = [];
    if (error) content.push(element("p", {}, error));
    else if (!diff) content.push(element("p", {}, part === "safe" ? "No safe fix." : "No fix."));
    else {
      const take = () => replace(view, text);
      content.push(element("button", { type: "button", class: "md-button", onclick: take }, "Take this into the editor"), lines(diff));
    }
    if (messages.length) content.push(element("ul", { class: "messages" }, ...messages.map((line) => element("li", {}, line))));
    panels[part].replaceChildren(...content);
  }

  start();
  file.addEventListener("change", () => ask());
  root.querySelector("button[name=share]").addEventListener("click", async (event) => {
    history.replaceState(null, "", await write(view.state.doc.toString(), validName()));
    await navigator.clipboard?.writeText(location.href);
    event.target.textContent = "Link copied";
    setTimeout(() => (event.target.textContent = "Copy link"), 2000);
  });

  return {
    // Put another text into the editor.
    show(text, name) {
      file.value = name;
      if (text === view.state.doc.toString()) ask();
      else replace(view, text);
    },
  };
}

// The lines of a diff, each with the class of what it is.
function lines(diff) {
  const kinds = { "+": "added", "-": "removed", "@": "place" };
  const rows = diff.split("\n").slice(0, -1);
  const code = rows.map((row, number) =>
    element("span", { class: number < 2 ? "place" : (kinds[row[0]] ?? "same") }, `${row}\n`),
  );
  return element("pre", { class: "diff", tabindex: 0 }, element("code", {}, ...code));
}

// Tabs as the ARIA practices have them: arrows move, one panel is shown.
function tabs(root) {
  const all = [...root.querySelectorAll("[role=tab]")];
  const select = (tab) => {
    for (const one of all) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
    }
  };
  for (const [index, tab] of all.entries()) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = all[(index + step + all.length) % all.length];
      select(next);
      next.focus();
    });
  }
  select(all[0]);
}
