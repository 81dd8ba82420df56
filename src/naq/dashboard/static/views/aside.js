// Messages that no worker could read.

import { button, h, table, visible } from "../dom.js";
import { ago } from "../times.js";

function actions(message, page) {
  const keys = [message.key];
  return h("div", { class: "buttons" },
    button("Put back", `back ${message.key}`, () => page.change(
      ["Put the message back?", `${visible(message.subject)}: a worker that can read it takes it.`, "Put back"],
      "set-aside/put-back", { keys }), { "aria-label": `Put back ${visible(message.key)}` }),
    button("Delete", `delete ${message.key}`, () => page.change(
      ["Delete the message?", `${visible(message.subject)}. This cannot be undone.`, "Delete"],
      "set-aside/delete", { keys }), { "aria-label": `Delete ${visible(message.key)}` }));
}

export const aside = {
  title: "Set aside",
  topics: ["aside"],
  load: (_parameters, get) => get("set-aside"),
  draw: (data, page) => [
    h("h1", null, "Messages set aside"),
    data.count > data.messages.length ? h("p", { class: "soft" }, `The oldest ${data.messages.length} of ${data.count}.`) : null,
    table("Messages set aside", [["key", "code"], ["subject", "code"], ["task", "code"], ["bytes", "number"], ["reason"], ["set aside", "short"], ["actions", null, ""]],
      data.messages.map(each => [each.key, each.subject, each.function, each.size, each.reason, ago(each.set_aside_at, data.time), actions(each, page)]),
      "No message is set aside."),
  ].filter(Boolean),
};
