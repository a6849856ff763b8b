/** The table of counts by region. */

import { h, icon, redraw, save } from "./dom.js";
import { regionFile } from "./exports.js";
import { photos } from "./photos.js";
import { regionCounts, regionsOf } from "./regions.js";

export function drawRegionPanel(container, ui) {
  const regions = ui.photo.status === "done" ? regionsOf(ui.photo) : [];
  container.hidden = regions.length === 0;
  if (container.hidden) return;
  const { counts, rows, total } = regionCounts(ui.photo);
  const heads = counts.map((count) => h("th", { scope: "col" }, count.category));
  redraw(
    container,
    h("div", { class: "card-head" }, h("h2", { id: "regions-title" }, "Regions")),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "regions-title" },
      h(
        "table",
        { class: "numbers" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Region"),
            heads,
            h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "Delete")),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map((row, place) => regionRow(ui, row, regions[place] ? place : null)),
        ),
        h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "photo"), total.map(cell), h("td", {}))),
      ),
    ),
    h(
      "div",
      { class: "buttons" },
      button("copy-regions", "Use in all photos", ui.actions.copyRegions, photos.length < 2),
      button("save-regions", "Save as a file", () => save(regionFile(ui.photo))),
    ),
    h(
      "p",
      { class: "legend" },
      "Each counted object belongs to the region of its dot. Small figures are expected counts.",
    ),
  );
}

const button = (key, name, onclick, disabled = false) =>
  h("button", { type: "button", class: "button small", data: { key }, disabled, onclick }, name);

const cell = ({ count, expected }) => h("td", {}, `${count} `, h("small", {}, expected.toFixed(1)));

function regionRow(ui, { name, values }, place) {
  const own = place !== null;
  const field = own
    ? h("input", {
        class: "region-field",
        value: name,
        maxlength: "40",
        "aria-label": `Name of region ${place + 1}`,
        data: { key: `region-${place}` },
        onfocus: () => ui.actions.chooseRegion(place),
        onchange: (event) => ui.actions.nameRegion(place, event.target.value),
      })
    : name;
  return h(
    "tr",
    { class: own && ui.region === place ? "chosen" : null, data: { region: name } },
    h("th", { scope: "row" }, field),
    values.map(cell),
    h(
      "td",
      {},
      own
        ? h(
            "button",
            {
              type: "button",
              class: "icon",
              "aria-label": `Delete ${name}`,
              data: { key: `delete-region-${place}` },
              onclick: () => ui.actions.deleteRegion(place),
            },
            icon("trash"),
          )
        : null,
    ),
  );
}
