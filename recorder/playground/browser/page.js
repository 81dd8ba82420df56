// The page before anything is loaded: a text, its name, and a button that loads the rest.
import { read } from "./fragment.js";

const root = document.getElementById("workbench");
const text = root.querySelector("textarea");
const file = root.querySelector("input[name=file]");
const start = root.querySelector("button[name=start]");
const example = root.querySelector("select");

let app = null;
async function begin() {
  start.disabled = true;
  app ??= import("./app.js").then((module) => module.run(root));
  return app;
}

async function take(fragment) {
  const shared = await read(fragment);
  if (!shared) return;
  text.value = shared.text;
  file.value = shared.file;
  (await begin()).show(shared.text, shared.file);
}

root.hidden = false;
start.addEventListener("click", begin);
example.addEventListener("change", () => {
  if (example.value) location.hash = example.value;
});
addEventListener("hashchange", () => take(location.hash));
take(location.hash);
