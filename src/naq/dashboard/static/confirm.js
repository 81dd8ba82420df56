// Asks before something is changed.

const dialog = document.getElementById("question");

// Resolves to whether the reader agrees; Escape and Cancel do not.
export function confirmed(title, text, label) {
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  dialog.querySelector("[value=yes]").textContent = label;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise(resolve => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
