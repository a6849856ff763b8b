/** A dot for every counted object; in the mode “Correct” those of one category can be moved and deleted. */

import { colourOf, countOf, countsOf } from "./counts.js";
import { h, redraw } from "./dom.js";
import { within } from "./geometry.js";
import { placeOf } from "./stage.js";

const STEP = 0.005;

export function drawDots(container, ui) {
  const { photo } = ui;
  const shown = ui.show.dots || ui.mode === "correct";
  const editing = ui.mode === "correct" ? ui.chosen : null;
  const counts = shown ? countsOf(photo) : [];
  if (editing && !counts.some((count) => count.category === editing)) counts.push(countOf(photo, editing));
  const emphasized = editing
    ? [editing]
    : (ui.answer?.categories ?? [ui.hovered ?? ui.chosen].filter(Boolean));
  const dots = counts.flatMap((count) =>
    piles(count.points).map((pile) => {
      const dim = emphasized.length > 0 && !emphasized.includes(count.category);
      const look = `dot c${colourOf(photo, count.category)}${dim ? " dim" : ""}${count.by === "person" ? " corrected" : ""}`;
      return count.category === editing ? handle(ui, count, pile, look) : mark(photo, count, pile, look);
    }),
  );
  redraw(container, dots);
}

/** The points by place: where several are at one place, the last is on top. */
function piles(points) {
  const found = new Map();
  for (const [index, point] of points.entries()) {
    const place = point.join(" ");
    found.set(place, { point, index, size: (found.get(place)?.size ?? 0) + 1 });
  }
  return [...found.values()];
}

const written = ({ size }) => (size > 1 ? String(size) : null);

function positioned(photo, [x, y]) {
  const [width, height] = photo.result.size;
  return { left: `${(100 * x) / width}%`, top: `${(100 * y) / height}%` };
}

const mark = (photo, count, pile, look) =>
  h(
    "span",
    {
      class: look,
      data: { objects: pile.size },
      style: positioned(photo, pile.point),
      title: count.category,
      "aria-hidden": "true",
    },
    written(pile),
  );

function handle(ui, count, pile, look) {
  const { photo } = ui;
  const { index, size } = pile;
  const key = `dot-${count.category}-${index}`;
  const [x, y] = count.points[index].map(Math.round);
  const here = size > 1 ? `, ${size} at this place` : "";
  const properties = {
    type: "button",
    class: `${look} handle`,
    data: { key, objects: size },
    style: positioned(photo, count.points[index]),
    "aria-label": `${count.category} ${index + 1} of ${count.points.length}, at ${x}, ${y}${here}`,
    "aria-describedby": "dot-keys",
  };
  const dot = h("button", properties, written(pile));
  dot.addEventListener("click", (event) => event.stopPropagation());
  dot.addEventListener("focus", () => ui.actions.selectDot(index));
  dot.addEventListener("keydown", (event) => onKey(event, ui, count, index));
  dot.addEventListener("pointerdown", (event) => drag(event, dot, ui, count, index));
  return dot;
}

function onKey(event, ui, count, index) {
  const [width, height] = ui.photo.result.size;
  const step = (event.shiftKey ? 10 : 1) * Math.max(1, STEP * Math.max(width, height));
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key === "Delete" || event.key === "Backspace") {
    ui.actions.deleteDot(count.category, index);
  } else if (moves[event.key]) {
    const [x, y] = count.points[index];
    ui.actions.moveDot(
      count.category,
      index,
      within([x + moves[event.key][0], y + moves[event.key][1]], [width, height]),
    );
  } else return;
  event.preventDefault();
}

/** Moves a dot with the pointer, and corrects the count where it is let go. */
function drag(event, dot, ui, count, index) {
  if (event.button !== 0) return;
  const { photo } = ui;
  const drawing = dot.closest(".frame");
  const [startX, startY] = [event.clientX, event.clientY];
  let place = null;
  dot.setPointerCapture(event.pointerId);
  const move = (moved) => {
    if (!place && Math.hypot(moved.clientX - startX, moved.clientY - startY) < 4) return;
    place = within(placeOf(moved, drawing, photo), photo.result.size);
    for (const [side, value] of Object.entries(positioned(photo, place))) dot.style.setProperty(side, value);
  };
  const end = () => {
    dot.removeEventListener("pointermove", move);
    if (place) ui.actions.moveDot(count.category, index, place);
  };
  dot.addEventListener("pointermove", move);
  dot.addEventListener("pointerup", end, { once: true });
  dot.addEventListener("pointercancel", () => dot.removeEventListener("pointermove", move), { once: true });
}
