// Makes the table of the rules filterable. Without it the table is whole, and just as useful.
(() => {
  const overview = document.querySelector(".rules");
  const table = overview?.querySelector("table");
  if (!table) return;

  const choices = {
    tier: [["", "any tier"], ["1", "1 high"], ["2", "2 medium"], ["3", "3 low"]],
    kind: [
      ["", "every kind"],
      ["0", "managed by hand (01 to 05)"],
      ["1", "lifetime fault (11 to 14)"],
      ["2", "on the way (21 to 23)"],
    ],
    fix: [["", "any fix"], ["safe", "safe fix"], ["unsafe", "unsafe fix"], ["by hand", "by hand"]],
  };
  const labels = { tier: "Tier", kind: "Kind", fix: "Fix" };

  const form = document.createElement("form");
  form.className = "rules-filter";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Filter the rules");
  const field = (name, control) => {
    const label = document.createElement("label");
    label.textContent = labels[name] ?? "Text";
    control.name = name;
    label.append(control);
    form.append(label);
    return control;
  };
  const text = document.createElement("input");
  text.type = "search";
  text.placeholder = "leak, loop, 03 …";
  field("text", text);
  for (const [name, options] of Object.entries(choices)) {
    const select = document.createElement("select");
    for (const [value, title] of options) select.add(new Option(title, value));
    field(name, select);
  }

  const status = document.createElement("p");
  status.className = "rules-status";
  status.setAttribute("role", "status");

  const rows = [...table.tBodies[0].rows].map((row) => ({
    row,
    codes: [...row.cells[0].querySelectorAll("code")],
    text: row.textContent.toLowerCase(),
    fix: row.cells[3].textContent.trim(),
  }));

  const show = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const query = wanted.text.trim().toLowerCase();
    const selected = [];
    let shown = 0;
    for (const { row, codes, text: content, fix } of rows) {
      const number = codes[0].textContent.slice(-2);
      const visible =
        content.includes(query) &&
        (!wanted.kind || number.startsWith(wanted.kind)) &&
        (!wanted.fix || fix === wanted.fix);
      row.hidden = !visible;
      if (visible) shown += 1;
      for (const code of codes) {
        code.hidden = Boolean(wanted.tier) && code.textContent[3] !== wanted.tier;
        if (visible && !code.hidden) selected.push(code.textContent);
      }
    }
    status.replaceChildren(`${shown} of ${rows.length} rules`);
    const narrowed = shown < rows.length || wanted.tier;
    if (narrowed && shown) {
      const whole = shown === rows.length && wanted.tier ? [`NAQ${wanted.tier}`] : selected;
      const command = document.createElement("code");
      command.textContent = `flake8 --select ${whole.join(",")}`;
      status.append(": ", command);
    }
  };

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  overview.prepend(form, status);
  show();
})();
