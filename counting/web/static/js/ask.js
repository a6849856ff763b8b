/** “How many …?”: the question, its answer, what was understood and where, and suggested questions. */

import { isCorrected } from "./counts.js";
import { h, redraw } from "./dom.js";

const MIN_SHARE = 0.15;

export function drawAsk(container, ui) {
  const { photo } = ui;
  container.hidden = photo.status !== "done";
  if (container.hidden) return;
  const typed = container.querySelector("#question")?.value ?? "";
  const field = h("input", {
    id: "question",
    type: "text",
    maxlength: "300",
    autocomplete: "off",
    enterkeyhint: "go",
    placeholder: "How many …?",
    data: { key: "question" },
    value: container.dataset.photo === photo.id ? typed : "",
  });
  container.dataset.photo = photo.id;
  const submit = (event) => {
    event.preventDefault();
    if (field.value.trim()) ui.actions.ask(field.value.trim());
  };
  redraw(
    container,
    h("div", { class: "card-head" }, h("h2", { id: "ask-title" }, "Ask")),
    h(
      "form",
      { class: "asking", onsubmit: submit },
      h("label", { for: "question", class: "visually-hidden" }, "Question about the photo"),
      h("div", { class: "field" }, field, h("button", { type: "submit", class: "button primary" }, "Ask")),
    ),
    h("div", { class: "answer", role: "status" }, answer(ui)),
    suggestions(ui),
  );
}

function answer(ui) {
  const { asked } = ui;
  if (!asked) return null;
  if (asked.busy) return h("p", { class: "busy" }, "Counting …");
  if (asked.error) return h("p", { class: "reason" }, asked.error);
  const found = asked.answer;
  const none = found.count === null || found.count === undefined;
  const lines = [
    h("p", { class: "question" }, asked.question),
    h("p", { class: none ? "reason" : "result" }, found.text ?? found.reason),
  ];
  if (none) return lines;
  const { interval } = found;
  if (interval)
    lines.push(
      h("p", {}, `${Math.round(100 * interval.level)} % interval: ${interval.low}–${interval.high}`),
    );
  if (found.understood) lines.push(h("p", {}, "Understood: ", found.understood));
  if (found.uncounted?.length)
    lines.push(h("p", {}, `Not counted by this counter: ${found.uncounted.join(", ")}`));
  const where = places(found);
  if (where.length) lines.push(h("p", {}, `Where: ${where.join(", ")}`));
  if (isCorrected(ui.photo))
    lines.push(h("p", { class: "note" }, "The answer is the counter’s; it does not know your corrections."));
  return lines;
}

function suggestions(ui) {
  const { suggested } = ui.photo;
  if (!suggested?.length) return null;
  return h(
    "div",
    { class: "suggestions" },
    h("h3", { id: "suggestions-title" }, "You could ask"),
    h(
      "ul",
      { "aria-labelledby": "suggestions-title" },
      suggested.map(({ question }) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              class: "pill",
              data: { key: `ask-${question}` },
              onclick: () => ui.actions.ask(question),
            },
            question,
          ),
        ),
      ),
    ),
  );
}

/** The cells with most of the count, in words, as `counting ask` prints them. */
export function places({ cells, count_raw: raw }) {
  const side = cells?.length ?? 0;
  if (side < 2 || !(raw >= 0.5)) return [];
  return cells
    .flatMap((row, y) => row.map((count, x) => ({ count, x, y })))
    .filter(({ count }) => count >= MIN_SHARE * raw)
    .sort((a, b) => b.count - a.count)
    .map(({ count, x, y }) => `${count.toFixed(1)} ${place(x, y, side)}`);
}

function place(x, y, side) {
  if (side !== 3) return `in row ${y + 1}, column ${x + 1} of ${side}`;
  const words = [["top", "", "bottom"][y], ["left", "", "right"][x]].filter(Boolean).join(" ");
  return words ? `at the ${words}` : "in the middle";
}
