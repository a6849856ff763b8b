/** The bar above the photo: what is shown on it, and what a click on it does. */

import { countOf } from "./counts.js";
import { h, icon, redraw } from "./dom.js";

const MODES = [
  ["look", "View"],
  ["correct", "Correct"],
  ["regions", "Regions"],
];

export function drawToolbar(container, ui) {
  const done = ui.photo.status === "done";
  redraw(
    container,
    h(
      "div",
      { class: "segmented", role: "group", "aria-label": "Mode" },
      MODES.map(([mode, name]) =>
        h(
          "button",
          {
            type: "button",
            data: { key: `mode-${mode}` },
            "aria-pressed": String(ui.mode === mode),
            disabled: !done,
            onclick: () => ui.actions.setMode(mode),
          },
          name,
        ),
      ),
    ),
    h(
      "div",
      { class: "toggles", role: "group", "aria-label": "Shown on the photo" },
      toggle(ui, "dots", "Dots", done),
      toggle(ui, "cells", "Cells", done),
      toggle(ui, "map", ui.mapBusy ? "Evidence …" : "Evidence", done),
    ),
    done ? help(ui) : null,
  );
}

const toggle = (ui, what, name, enabled) =>
  h(
    "button",
    {
      type: "button",
      class: "toggle",
      data: { key: `show-${what}` },
      "aria-pressed": String(ui.show[what] || (what === "cells" && ui.answer !== null)),
      disabled: !enabled,
      onclick: () => ui.actions.toggle(what),
    },
    name,
  );

function help(ui) {
  if (ui.mode === "correct") return correctHelp(ui);
  if (ui.mode === "regions") return regionsHelp(ui);
  return null;
}

function correctHelp(ui) {
  if (!ui.chosen)
    return h(
      "div",
      { class: "mode-help" },
      h("p", {}, "Choose a category under Counts, or add one there. Then click the photo to place a dot."),
    );
  const count = countOf(ui.photo, ui.chosen);
  const unplaced = count.unplaced > 0 ? ` ${count.unplaced} without a dot.` : "";
  return h(
    "div",
    { class: "mode-help" },
    h(
      "p",
      { id: "dot-keys" },
      `Click the photo to add a dot for `,
      h("strong", {}, ui.chosen),
      `, drag a dot to move it. Keys: arrows move, Delete removes.${unplaced}`,
    ),
    h(
      "div",
      { class: "buttons" },
      h(
        "button",
        {
          type: "button",
          class: "button small",
          data: { key: "add-dot" },
          onclick: ui.actions.addDotInMiddle,
        },
        "Add a dot",
      ),
      h(
        "button",
        {
          type: "button",
          class: "button small",
          data: { key: "delete-dot" },
          disabled: ui.dot === null || !count.points[ui.dot],
          onclick: () => ui.actions.deleteDot(ui.chosen, ui.dot),
        },
        "Delete dot",
      ),
      undo(ui),
    ),
  );
}

const undo = (ui) =>
  h(
    "button",
    {
      type: "button",
      class: "button small",
      data: { key: "undo" },
      disabled: ui.photo.history.length === 0,
      onclick: ui.actions.undo,
    },
    icon("undo"),
    "Undo",
  );

function regionsHelp(ui) {
  const drawn = ui.draft?.length ?? 0;
  const say = drawn
    ? "Click to add corners. Click the first one, or press Enter, to close the region. Escape gives it up."
    : "Click the photo to draw the corners of a region, or add a rectangle. Keys for a corner: arrows move, Delete removes.";
  return h(
    "div",
    { class: "mode-help" },
    h("p", {}, say),
    h(
      "div",
      { class: "buttons" },
      drawn
        ? h(
            "button",
            {
              type: "button",
              class: "button small",
              data: { key: "close-region" },
              disabled: drawn < 3,
              onclick: ui.actions.closeRegion,
            },
            "Close the region",
          )
        : h(
            "button",
            {
              type: "button",
              class: "button small",
              data: { key: "add-rectangle" },
              onclick: ui.actions.addRectangle,
            },
            "Add a rectangle",
          ),
      ui.region === null
        ? null
        : h(
            "button",
            {
              type: "button",
              class: "button small",
              data: { key: "add-corner" },
              onclick: ui.actions.addCorner,
            },
            "Add a corner",
          ),
      undo(ui),
    ),
  );
}
