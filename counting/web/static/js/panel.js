/** The counts of a photo: one row for each category, with its interval; in the mode “Correct” with a number to set. */

import { categoriesOf, colourOf, countOf, countsOf, edits, isChecked, isConfirmed } from "./counts.js";
import { h, icon, redraw } from "./dom.js";

const LEAST_SCALE = 4;

export function drawCounts(container, ui) {
  const { photo } = ui;
  container.hidden = photo.status !== "done";
  if (container.hidden) return;
  const counts = listed(ui);
  const scale = Math.max(
    LEAST_SCALE,
    ...counts.map((count) => Math.max(count.count, count.interval?.high ?? 0)),
  );
  redraw(
    container,
    h("div", { class: "card-head" }, h("h2", { id: "counts-title" }, "Counts"), saved(photo)),
    counts.length
      ? h(
          "ul",
          { class: "counts" },
          counts.map((count) => row(ui, count, scale)),
        )
      : h("p", { class: "nothing" }, "No known objects in this photo."),
    ui.mode === "correct" ? adding(ui) : null,
    foot(ui),
  );
}

/** Says whether the corrections are on the disk, and leaves the rest as it is. */
export function drawSaved(photo) {
  document.getElementById("saved")?.replaceWith(saved(photo));
}

function listed(ui) {
  const counts = countsOf(ui.photo);
  const chosen = ui.mode === "correct" ? ui.chosen : null;
  return chosen && !counts.some((count) => count.category === chosen)
    ? [...counts, countOf(ui.photo, chosen)]
    : counts;
}

function row(ui, count, scale) {
  const { photo } = ui;
  const { category } = count;
  const chosen = ui.chosen === category;
  const name = h(
    "button",
    {
      type: "button",
      class: "count-name",
      data: { key: `count-${category}` },
      "aria-pressed": String(chosen),
      onclick: () => ui.actions.choose(chosen ? null : category),
      onfocus: () => ui.actions.hover(category),
      onblur: () => ui.actions.hover(null),
    },
    h("span", { class: `swatch c${colourOf(photo, category)}`, "aria-hidden": "true" }),
    h("span", { class: "words" }, withoutInterval(count)),
    interval(count),
  );
  const item = h(
    "li",
    { class: `count${chosen ? " chosen" : ""}`, data: { category } },
    name,
    bar(count, scale, colourOf(photo, category)),
    count.by === "person" ? corrected(ui, count) : null,
    ui.mode === "correct" ? stepper(ui, count) : null,
  );
  item.addEventListener(
    "pointerenter",
    (event) => event.pointerType === "mouse" && ui.actions.hover(category),
  );
  item.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && ui.actions.hover(null));
  return item;
}

/** The interval has a place of its own in the row. */
const withoutInterval = ({ words }) => words.replace(/ \(\d+–\d+\)$/, "");

const percent = (share) => `${Math.round(100 * share)} %`;

function interval(count) {
  if (count.by === "person") return h("span", { class: "badge" }, icon("edit"), "by you");
  if (!count.interval) return null;
  const { level, low, high } = count.interval;
  return h(
    "span",
    { class: "interval" },
    h("span", { class: "visually-hidden" }, `${percent(level)} interval: `),
    low === high ? String(low) : `${low}–${high}`,
  );
}

/** The interval on a scale from 0, with a mark at the count. */
function bar(count, scale, colour) {
  const share = (value) => `${(100 * value) / scale}%`;
  const { low, high } = count.interval ?? { low: count.count, high: count.count };
  return h(
    "div",
    { class: `gauge c${colour}`, "aria-hidden": "true" },
    count.row ? h("span", { class: "range", style: { left: share(low), width: share(high - low) } }) : null,
    h("span", { class: "best", style: { left: share(count.count) } }),
  );
}

function corrected(ui, count) {
  const model = count.row
    ? `counter: ${ui.modelWords(count.category)}`
    : "not among the counter’s categories";
  return h(
    "p",
    { class: "was" },
    count.unplaced > 0 ? `${count.unplaced} without a dot · ` : "",
    `${model} · `,
    h(
      "button",
      {
        type: "button",
        class: "link",
        data: { key: `reset-${count.category}` },
        "aria-label": `Take back the correction of ${count.category}`,
        onclick: () => ui.actions.reset(count.category),
      },
      "take back",
    ),
  );
}

function stepper(ui, count) {
  const { category } = count;
  const set = (value) => ui.actions.setNumber(category, value);
  const input = h("input", {
    type: "number",
    min: "0",
    max: "9999",
    step: "1",
    inputmode: "numeric",
    value: String(count.count),
    data: { key: `number-${category}` },
    "aria-label": `Number of ${category}`,
    onchange: (event) => {
      const number = Number(event.target.value);
      const valid =
        event.target.value.trim() !== "" && Number.isInteger(number) && number >= 0 && number <= 9999;
      if (valid) set(number);
      else event.target.value = String(count.count);
    },
  });
  return h(
    "div",
    { class: "stepper" },
    h(
      "button",
      {
        type: "button",
        class: "button small",
        data: { key: `less-${category}` },
        "aria-label": `One ${category} less`,
        disabled: count.count === 0,
        onclick: () => set(count.count - 1),
      },
      "−",
    ),
    input,
    h(
      "button",
      {
        type: "button",
        class: "button small",
        data: { key: `more-${category}` },
        "aria-label": `One ${category} more`,
        onclick: () => set(count.count + 1),
      },
      "+",
    ),
  );
}

/** Any name can be added: corrections may be the training data of a counter with other categories. */
function adding(ui) {
  const known = new Set(countsOf(ui.photo).map((count) => count.category));
  const field = h("input", {
    list: "known-categories",
    id: "new-category",
    autocomplete: "off",
    maxlength: "60",
    placeholder: "e.g. apple",
    data: { key: "new-category" },
  });
  const add = (event) => {
    event.preventDefault();
    const typed = field.value.trim().replace(/\s+/g, " ");
    if (!typed) return;
    const category = categoriesOf(ui.photo).find((one) => one.toLowerCase() === typed.toLowerCase()) ?? typed;
    field.value = "";
    ui.actions.choose(category);
  };
  return h(
    "form",
    { class: "adding", onsubmit: add },
    h("label", { for: "new-category" }, "Add a category"),
    h("div", { class: "field" }, field, h("button", { type: "submit", class: "button" }, "Add")),
    h(
      "datalist",
      { id: "known-categories" },
      categoriesOf(ui.photo)
        .filter((one) => !known.has(one))
        .map((one) => h("option", { value: one })),
    ),
  );
}

function saved(photo) {
  const says = { "": "", saving: "Saving …", saved: "Saved in this browser" };
  const text =
    says[photo.saved] ??
    `Not saved: ${photo.saved.replace("failed: ", "")}. Export before you close this page.`;
  const failed = !(photo.saved in says);
  return h(
    "p",
    {
      class: `saved${failed ? " failed" : ""}`,
      id: "saved",
      data: { state: failed ? "failed" : photo.saved },
    },
    photo.saved === "saved" ? icon("check") : null,
    text,
  );
}

/** The long side in pixels from which tiles show a counter more than the whole photo does. */
const LARGE = 720;

/** Only counters that locate objects count in tiles. */
function canBeTiled(photo) {
  return Math.max(...photo.result.size) >= LARGE && photo.result.rows.some((row) => row.points);
}

function foot(ui) {
  const { photo } = ui;
  const confirmed = isConfirmed(photo);
  const level = photo.result.rows.find((one) => one.interval)?.interval.level;
  return h(
    "div",
    { class: "card-foot" },
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "checkbox",
        ...(confirmed ? { checked: true } : {}),
        data: { key: "confirmed" },
        onchange: (event) => ui.actions.confirm(event.target.checked),
      }),
      "I checked: every count is right",
    ),
    canBeTiled(photo)
      ? h(
          "label",
          { class: "check" },
          h("input", {
            type: "checkbox",
            ...(photo.result.tile ? { checked: true } : {}),
            data: { key: "tiles" },
            onchange: (event) => ui.actions.inTiles(photo, event.target.checked),
          }),
          "Large photo: look for small objects in tiles (slower)",
        )
      : null,
    photo.counter && ui.counter && photo.counter !== ui.counter
      ? h(
          "p",
          {},
          `Counted by ${photo.counter}; this server has ${ui.counter}. `,
          h(
            "button",
            { type: "button", class: "link", data: { key: "again" }, onclick: () => ui.actions.again(photo) },
            "Count again",
          ),
        )
      : null,
    level ? h("p", { class: "legend" }, `Bars: ${percent(level)} intervals of the counter.`) : null,
    isChecked(photo) && edits(photo).size
      ? h(
          "p",
          {},
          h(
            "button",
            { type: "button", class: "link", data: { key: "reset-all" }, onclick: ui.actions.resetAll },
            "Take back all corrections",
          ),
        )
      : null,
  );
}
