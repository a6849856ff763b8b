/** The dialog “Export”: which file, of which photos. */

import { isChecked } from "./counts.js";
import { h, plural, redraw, save } from "./dom.js";
import * as exports from "./exports.js";

const FORMATS = [
  {
    id: "csv",
    name: "CSV",
    about: "One row for each photo, for spreadsheets and counting evaluate.",
    make: exports.table,
  },
  {
    id: "sheet",
    name: "CSV with intervals",
    about: "One row for each count: interval, and who counted.",
    make: exports.sheet,
  },
  {
    id: "json",
    name: "JSON",
    about: "Everything: counts, intervals, points, who counted.",
    make: exports.rows,
  },
  {
    id: "coco",
    name: "COCO points",
    about: "An instances file: every object is a box without size.",
    make: exports.coco,
    points: true,
  },
  {
    id: "data-set",
    name: "Data set for training (ZIP)",
    about: "COCO points with the photos, as counting train reads them.",
    make: exports.dataSet,
    points: true,
  },
];

let chosen = "csv";
let checkedOnly = false;

export function openExport(dialog, photos) {
  const done = photos.filter((photo) => photo.status === "done");
  const draw = () => redraw(dialog, content(dialog, done, draw));
  draw();
  if (!dialog.open) dialog.showModal();
}

function content(dialog, done, draw) {
  const format = FORMATS.find((one) => one.id === chosen);
  const wanted = done.filter((photo) => !checkedOnly || isChecked(photo));
  const left = format.points ? wanted.map(exports.withoutPoints).filter(Boolean) : [];
  const ready = format.points ? wanted.filter((photo) => !exports.withoutPoints(photo)) : wanted;
  const download = async (event) => {
    event.preventDefault();
    const error = dialog.querySelector(".export-error");
    try {
      save(await format.make(ready));
      dialog.close();
    } catch (problem) {
      error.textContent = `Not exported: ${problem.message}`;
    }
  };
  return h(
    "form",
    { onsubmit: download },
    h("h2", { id: "export-title" }, "Export"),
    h(
      "fieldset",
      {},
      h("legend", { class: "visually-hidden" }, "Format"),
      FORMATS.map((one) => choice(one, draw)),
    ),
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "checkbox",
        ...(checkedOnly ? { checked: true } : {}),
        data: { key: "checked-only" },
        onchange: (event) => ((checkedOnly = event.target.checked), draw()),
      }),
      "Only photos that I corrected or checked",
    ),
    left.length
      ? h(
          "div",
          { class: "left-out" },
          h(
            "p",
            {},
            `Left out, because a point is needed for every object: ${plural(left.length, "photo")}.`,
          ),
          h(
            "ul",
            {},
            left.slice(0, 5).map((one) => h("li", {}, one)),
          ),
        )
      : null,
    h("p", { class: "export-error", role: "alert" }),
    h(
      "div",
      { class: "buttons end" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
      h(
        "button",
        { type: "submit", class: "button primary", disabled: ready.length === 0, data: { key: "download" } },
        ready.length ? `Download ${plural(ready.length, "photo")}` : "No photos to export",
      ),
    ),
  );
}

function choice({ id, name, about }, draw) {
  const radio = h("input", {
    type: "radio",
    name: "format",
    value: id,
    ...(id === chosen ? { checked: true } : {}),
    data: { key: `format-${id}` },
    onchange: () => ((chosen = id), draw()),
  });
  return h("label", { class: "choice" }, radio, h("span", {}, h("strong", {}, name), h("small", {}, about)));
}
