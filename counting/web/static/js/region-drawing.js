/** Regions on the photo: finished polygons, the one being drawn, and handles for the corners of the chosen one. */

import { h, redraw, svg } from "./dom.js";
import { middle, within } from "./geometry.js";
import { regionsOf } from "./regions.js";
import { placeOf } from "./stage.js";

const NEAR = 12;
const STEP = 0.01;

const corners = (polygon) => polygon.map((point) => point.join(",")).join(" ");

export function drawRegions(container, overlay, ui) {
  const { photo, draft } = ui;
  const regions = regionsOf(photo);
  const drawing = ui.mode === "regions";
  const chosen = drawing ? ui.region : null;
  for (const [place, { polygon }] of regions.entries()) {
    overlay.append(
      svg("polygon", { class: `region${place === chosen ? " chosen" : ""}`, points: corners(polygon) }),
    );
  }
  const ahead = draft?.length && ui.pointer ? [ui.pointer] : [];
  if (draft?.length)
    overlay.append(svg("polyline", { class: "draft", points: corners([...draft, ...ahead]) }));
  redraw(container, [
    ...regions.map(({ name, polygon }) => tag(photo, name, polygon)),
    ...(draft ?? []).map((point, index) =>
      h("span", { class: `corner${index ? "" : " first"}`, style: at(photo, point), "aria-hidden": "true" }),
    ),
    ...(chosen !== null && regions[chosen]
      ? regions[chosen].polygon.map((point, index) => corner(ui, chosen, point, index))
      : []),
  ]);
}

const at = (photo, [x, y]) => ({
  left: `${(100 * x) / photo.result.size[0]}%`,
  top: `${(100 * y) / photo.result.size[1]}%`,
});

const tag = (photo, name, polygon) =>
  h("span", { class: "region-name", style: at(photo, middle(polygon)), "aria-hidden": "true" }, name);

function corner(ui, region, point, index) {
  const { photo } = ui;
  const { name, polygon } = regionsOf(photo)[region];
  const button = h("button", {
    type: "button",
    class: "corner handle",
    data: { key: `corner-${region}-${index}` },
    style: at(photo, point),
    "aria-label": `${name}, corner ${index + 1} of ${polygon.length}`,
  });
  const move = (place) => ui.actions.moveCorner(region, index, within(place, photo.result.size));
  button.addEventListener("click", (event) => event.stopPropagation());
  button.addEventListener("keydown", (event) => {
    const step = (event.shiftKey ? 5 : 1) * STEP * Math.max(...photo.result.size);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const by = moves[event.key];
    if (event.key === "Delete" || event.key === "Backspace") ui.actions.deleteCorner(region, index);
    else if (by) move([point[0] + by[0], point[1] + by[1]]);
    else return;
    event.preventDefault();
  });
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    const frame = button.closest(".frame");
    let place = null;
    const follow = (moved) => {
      place = within(snapped(ui, placeOf(moved, frame, photo), frame, [region, index]), photo.result.size);
      for (const [side, value] of Object.entries(at(photo, place))) button.style.setProperty(side, value);
    };
    button.addEventListener("pointermove", follow);
    button.addEventListener(
      "pointerup",
      () => {
        button.removeEventListener("pointermove", follow);
        if (place) move(place);
      },
      { once: true },
    );
  });
  return button;
}

/** A place near a corner of a region, or near the border of the photo, is put exactly there. */
export function snapped(ui, place, frame, besides = []) {
  const { photo } = ui;
  const [width, height] = photo.result.size;
  const near = (NEAR * width) / frame.getBoundingClientRect().width;
  const others = regionsOf(photo).flatMap(({ polygon }, region) =>
    polygon.filter((_, index) => !(region === besides[0] && index === besides[1])),
  );
  const corner = others.find((one) => Math.hypot(one[0] - place[0], one[1] - place[1]) <= near);
  if (corner) return corner;
  const side = (value, end) => (value <= near ? 0 : value >= end - near ? end : value);
  return [side(place[0], width), side(place[1], height)];
}

/** Whether a place closes the polygon being drawn. */
export function closes(ui, place, frame) {
  const first = ui.draft?.[0];
  if (!first || ui.draft.length < 3) return false;
  const near = (NEAR * ui.photo.result.size[0]) / frame.getBoundingClientRect().width;
  return Math.hypot(first[0] - place[0], first[1] - place[1]) <= near;
}
