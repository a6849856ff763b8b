/** All photos as a table that can be sorted, with a thumbnail and the counts of each. */

import { countOf, countsOf, isChecked } from "./counts.js";
import { h, icon, plural, redraw } from "./dom.js";
import { photos } from "./photos.js";

export function drawList(container, ui) {
  const columns = categoriesIn(photos);
  const rows = sorted(photos, ui.sort);
  redraw(
    container,
    h(
      "div",
      { class: "list-head" },
      h("h2", { id: "list-title" }, plural(photos.length, "photo")),
      h(
        "button",
        { type: "button", class: "button", data: { key: "remove-all" }, onclick: ui.actions.removeAll },
        icon("trash"),
        "Remove all",
      ),
    ),
    h(
      "div",
      { class: "scroll card", tabindex: "0", role: "group", "aria-labelledby": "list-title" },
      h(
        "table",
        { class: "photos" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            header(ui, "name", "Photo"),
            header(ui, "total", "All"),
            columns.map((category) => header(ui, `of ${category}`, category)),
            h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "Remove")),
          ),
        ),
        h(
          "tbody",
          {},
          rows.map((photo) => row(ui, photo, columns)),
        ),
        h("tfoot", {}, totals(columns)),
      ),
    ),
  );
}

/** What is in any of the photos, most numerous first. */
function categoriesIn(some) {
  const sums = new Map();
  for (const photo of some)
    for (const { category, count } of countsOf(photo)) sums.set(category, (sums.get(category) ?? 0) + count);
  return [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([category]) => category);
}

const total = (photo) => countsOf(photo).reduce((sum, one) => sum + one.count, 0);

function sorted(some, { by, down }) {
  const value =
    by === "name"
      ? (photo) => photo.name
      : by === "total"
        ? total
        : (photo) => countOf(photo, by.slice("of ".length)).count;
  const order = (a, b) => {
    if ((a.status === "done") !== (b.status === "done")) return a.status === "done" ? -1 : 1;
    const [x, y] = [value(a), value(b)];
    const compared = typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
    return down ? -compared : compared;
  };
  return by ? [...some].sort(order) : some;
}

function header(ui, by, name) {
  const { sort } = ui;
  const active = sort.by === by;
  const direction = active ? (sort.down ? "descending" : "ascending") : "none";
  return h(
    "th",
    { scope: "col", "aria-sort": direction },
    h(
      "button",
      { type: "button", data: { key: `sort-${by}` }, onclick: () => ui.actions.sort(by) },
      name,
      h("span", { class: "arrow", "aria-hidden": "true" }, active ? (sort.down ? "↓" : "↑") : ""),
    ),
  );
}

function row(ui, photo, columns) {
  const open = h(
    "button",
    {
      type: "button",
      class: "open",
      data: { key: `open-${photo.id}` },
      onclick: () => ui.actions.open(photo),
    },
    thumbnail(photo),
    h("span", {}, photo.name, isChecked(photo) ? h("small", {}, "checked by you") : null),
  );
  const remove = h(
    "button",
    {
      type: "button",
      class: "icon",
      "aria-label": `Remove ${photo.name}`,
      data: { key: `remove-${photo.id}` },
      onclick: () => ui.actions.remove(photo),
    },
    icon("trash"),
  );
  const counted = photo.status === "done";
  const figures = counted
    ? [h("td", {}, String(total(photo))), columns.map((category) => figure(photo, category))]
    : h(
        "td",
        { class: photo.status === "failed" ? "failed" : "pending", colspan: columns.length + 1 },
        photo.status === "failed" ? photo.error : "Counting …",
      );
  return h(
    "tr",
    { data: { photo: photo.id } },
    h("th", { scope: "row" }, open),
    figures,
    h("td", {}, remove),
  );
}

function figure(photo, category) {
  const { count, by, interval } = countOf(photo, category);
  if (by === "person")
    return h("td", { class: "by-person", title: "counted by you" }, String(count), icon("edit"));
  return h(
    "td",
    { class: count ? null : "zero", title: interval ? `${interval.low}–${interval.high}` : null },
    String(count),
  );
}

export function thumbnail(photo) {
  if (photo.thumbnail) return h("img", { src: photo.thumbnail, alt: "", class: "thumbnail" });
  return h("span", { class: "thumbnail none" }, icon(photo.status === "failed" ? "warning" : "photo"));
}

function totals(columns) {
  const done = photos.filter((photo) => photo.status === "done");
  const sum = (value) => done.reduce((all, photo) => all + value(photo), 0);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, "All photos"),
    h("td", {}, String(sum(total))),
    columns.map((category) => h("td", {}, String(sum((photo) => countOf(photo, category).count)))),
    h("td", {}),
  );
}
