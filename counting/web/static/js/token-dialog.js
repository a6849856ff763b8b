/** Asks for the token of a server that was started with `--token-file`. */

import { h, redraw } from "./dom.js";

/** The token, or null if the user gives none; `wrong` says that the last one was refused. */
export function askForToken(dialog, wrong) {
  return new Promise((resolve) => {
    const field = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
    let given = null;
    const submit = (event) => {
      event.preventDefault();
      given = field.value.trim() || null;
      dialog.close();
    };
    redraw(
      dialog,
      h(
        "form",
        { onsubmit: submit },
        h("h2", { id: "token-title" }, "This server asks for a token"),
        h(
          "p",
          {},
          wrong
            ? "The last token was not accepted."
            : "Whoever runs the server can tell you. It is kept until you close this tab.",
        ),
        h("label", { for: "token" }, "Token"),
        field,
        h(
          "div",
          { class: "buttons end" },
          h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
          h("button", { type: "submit", class: "button primary" }, "Continue"),
        ),
      ),
    );
    dialog.addEventListener("close", () => resolve(given), { once: true });
    dialog.showModal();
  });
}
