// The worker: Python with linter and codemod, and ast-grep beside it. It answers one text at a time, the newest.
import * as astGrep from "@ast-grep/wasm/wasm_bg.js";
import { loadPyodide } from "pyodide";

const here = (name) => new URL(name, import.meta.url).href;
let session;
let newest = null;
let working = false;

// Count the bytes of all that is loaded; the page knows how many there are.
const load = self.fetch;
self.fetch = async (...request) => {
  const response = await load(...request);
  if (!response.ok || !response.body) return response;
  const count = new TransformStream({
    transform(chunk, controller) {
      self.postMessage({ loaded: chunk.byteLength });
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(count), response);
};

async function startAstGrep() {
  const bytes = await (await fetch(here("ast-grep.wasm"))).arrayBuffer();
  const { instance } = await WebAssembly.instantiate(bytes, { "./wasm_bg.js": astGrep });
  astGrep.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  await astGrep.initializeTreeSitter();
  const libraryPath = here("tree-sitter-python.wasm");
  await astGrep.registerDynamicLanguage({ python: { libraryPath, expandoChar: "µ" } });
}

// Whether a rule, as JSON, has a match in a text.
function finds(text, rule) {
  const tree = astGrep.parse("python", text);
  const root = tree.root();
  const node = root.find(JSON.parse(rule));
  const found = node !== undefined;
  node?.free();
  root.free();
  tree.free();
  return found;
}

async function startPython() {
  const [python, packages] = await Promise.all([
    loadPyodide({ indexURL: here("./"), lockFileContents: __LOCK__, packageBaseUrl: here("./") }),
    fetch(here("packages.zip")).then((response) => response.arrayBuffer()),
  ]);
  const folder = python.runPython("import site; site.getsitepackages()[0]");
  python.unpackArchive(packages, "zip", { extractDir: folder });
  return python;
}

async function start() {
  const [python] = await Promise.all([startPython(), startAstGrep()]);
  self.postMessage({ step: "Starting linter and codemod" });
  const Session = python.runPython(`
import os
os.makedirs("/playground")
os.chdir("/playground")
from session import Session
Session
`);
  session = Session(finds);
  self.postMessage({ ready: true });
}

const PARTS = {
  analysis: (text, file) => session.analyse(text, file),
  graphs: (text, file) => session.graph(text, file),
  safe: (text, file) => session.fix(text, file, false),
  unsafe: (text, file) => session.fix(text, file, true),
};

// Answer part by part, and drop a text as soon as there is a newer one.
async function work() {
  working = true;
  while (newest) {
    const question = newest;
    newest = null;
    for (const [part, answer] of Object.entries(PARTS)) {
      const { number, text, file } = question;
      try {
        self.postMessage({ number, part, answer: JSON.parse(answer(text, file)) });
      } catch (error) {
        self.postMessage({ number, part, failure: String(error.message ?? error), text });
      }
      await new Promise((resolve) => setTimeout(resolve));
      if (newest) break;
    }
  }
  working = false;
}

self.onmessage = ({ data }) => {
  newest = data;
  if (!working) work();
};

start().catch((error) => self.postMessage({ broken: String(error.message ?? error) }));
