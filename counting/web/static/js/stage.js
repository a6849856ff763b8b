/** The photo with what was counted on it: dots, cells, the evidence map and regions. */

import { categoriesOf, colourOf, countOf, countsOf } from "./counts.js";
import { h, redraw, svg } from "./dom.js";
import { drawDots } from "./dots.js";
import { drawRegions } from "./region-drawing.js";

/** The smallest count that is written in a cell: less would be 0.0. */
const LEAST_WRITTEN = 0.05;

/** Draws the photo of `ui` into `container`; `ui` says what is shown and has the actions. */
export function drawStage(container, ui) {
  const { photo } = ui;
  if (container.dataset.photo !== photo.id || container.dataset.status !== photo.status) frame(container, ui);
  if (photo.status !== "done") return;
  const overlay = container.querySelector(".overlay");
  overlay.replaceChildren(...(ui.show.cells || ui.answer ? cells(ui) : []));
  drawMap(container.querySelector(".map"), ui);
  drawDots(container.querySelector(".dots"), ui);
  drawRegions(container.querySelector(".regions"), overlay, ui);
  container.querySelector(".frame").dataset.mode = ui.mode;
}

function frame(container, ui) {
  const { photo } = ui;
  container.dataset.photo = photo.id;
  container.dataset.status = photo.status;
  if (photo.status === "failed") return redraw(container, failure(ui));
  const image = h("img", { class: "photo", src: photo.url, alt: photo.name, draggable: "false" });
  const unseen = h(
    "p",
    { class: "unseen", hidden: true },
    "This browser cannot show this kind of file. Its counts are not affected.",
  );
  image.addEventListener("error", () => {
    image.hidden = true;
    unseen.hidden = false;
  });
  if (photo.status !== "done") {
    const busy = h(
      "p",
      { class: "busy" },
      photo.status === "waiting" ? "Waiting for its turn …" : "Counting …",
    );
    return redraw(container, h("div", { class: "frame pending" }, image, unseen, busy));
  }
  const [width, height] = photo.result.size;
  const drawing = h(
    "div",
    { class: "frame", style: { "--ratio": width / height, "aspect-ratio": `${width} / ${height}` } },
    image,
    unseen,
    h("canvas", { class: "map", hidden: true, role: "img" }),
    svg("svg", {
      class: "overlay",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    }),
    h("div", { class: "dots" }),
    h("div", { class: "regions" }),
  );
  drawing.addEventListener("click", (event) => ui.onPlace(placeOf(event, drawing, photo), event));
  drawing.addEventListener("pointermove", (event) => ui.onHover(placeOf(event, drawing, photo)));
  redraw(container, drawing);
}

/** The pixel of the photo under the pointer. */
export function placeOf(event, drawing, photo) {
  const box = drawing.getBoundingClientRect();
  const [width, height] = photo.result.size;
  const share = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  return [share[0] * width, share[1] * height].map((value) => Math.round(value * 10) / 10);
}

function failure(ui) {
  const { photo } = ui;
  return h(
    "div",
    { class: "failure" },
    h("h2", {}, "This photo was not counted"),
    h("p", {}, photo.error),
    h(
      "p",
      { class: "buttons" },
      h("button", { type: "button", class: "button", onclick: () => ui.actions.again(photo) }, "Try again"),
      h("button", { type: "button", class: "button", onclick: () => ui.actions.remove(photo) }, "Remove it"),
    ),
  );
}

/** The category whose cells and map are shown: pointed at, chosen, or the first. */
export function focusOf(ui) {
  const known = categoriesOf(ui.photo);
  return (
    [ui.hovered, ui.chosen, countsOf(ui.photo)[0]?.category].find((one) => one && known.includes(one)) ?? null
  );
}

function cells(ui) {
  const { photo } = ui;
  const category = focusOf(ui);
  const grid = ui.answer?.cells ?? (category && countOf(photo, category).row?.cells);
  if (!grid?.length) return [];
  const [width, height] = photo.result.size;
  const largest = Math.max(...grid.flat(), 1e-9);
  const text = Math.max(width, height) / 28;
  return grid.flatMap((row, y) =>
    row.flatMap((count, x) => {
      const [w, h_] = [width / row.length, height / grid.length];
      const strength = (Math.max(count, 0) / Math.max(largest, 0.5)) * 0.45;
      const colour = category && !ui.answer ? `c${colourOf(photo, category)}` : "c0";
      return [
        svg("rect", {
          class: `cell ${colour}`,
          x: x * w,
          y: y * h_,
          width: w,
          height: h_,
          "fill-opacity": strength.toFixed(3),
        }),
        count >= LEAST_WRITTEN
          ? svg(
              "text",
              { class: "cell-count", x: (x + 0.5) * w, y: (y + 0.5) * h_, "font-size": text },
              count.toFixed(1),
            )
          : null,
      ].filter(Boolean);
    }),
  );
}

function drawMap(canvas, ui) {
  const map = ui.show.map ? ui.map : null;
  canvas.hidden = !map?.pixels;
  if (!map?.pixels || canvas.dataset.of === map.key) return;
  canvas.dataset.of = map.key;
  canvas.setAttribute("aria-label", `Evidence for ${map.category}`);
  canvas.width = map.pixels.width;
  canvas.height = map.pixels.height;
  canvas.getContext("2d").putImageData(map.pixels, 0, 0);
}
