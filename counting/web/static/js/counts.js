/** The counts of a photo: the counter's, with a person's corrections in front of them. */

/**
 * @typedef {Object} Count
 * @property {string} category
 * @property {number} count the best guess, or the number that a person set
 * @property {string} by "model" or "person": who counted
 * @property {number[][]} points [x, y] in pixels: one for every counted object that has a place; several may share one
 * @property {number} unplaced how many of `count` have no point
 * @property {string} words as the API words it, such as "maybe 1 car"
 * @property {?{level: number, low: number, high: number}} interval of the counter's count; null if not calibrated
 * @property {?Object} row the counter's row; null for a category that only a person counts
 */

const categoryOf = (what) => what.slice("count:".length);

/** The key of the correction of a category. */
export const ofCategory = (category) => `count:${category}`;

export const edits = (photo) =>
  new Map(
    Object.entries(photo.corrections)
      .filter(([what]) => what.startsWith("count:"))
      .map(([what, value]) => [categoryOf(what), value]),
  );

export const isCorrected = (photo) =>
  Object.keys(photo.corrections).some((what) => what.startsWith("count:"));
export const isConfirmed = (photo) => Boolean(photo.corrections.confirmed);
export const isChecked = (photo) => isCorrected(photo) || isConfirmed(photo);

/** Whether the counter gives points. */
export const locates = (photo) => Boolean(photo.result?.rows.some((row) => row.points));

const rowOf = (photo, category) => photo.result?.rows.find((row) => row.category === category) ?? null;

/** A point for each of `count` objects: the weightiest first, and again from the first if there are too few. */
function pointsOf(points, count) {
  if (!points.length) return [];
  return Array.from({ length: count }, (_, place) => points[place % points.length].slice(0, 2));
}

/** What the counter says of a category. */
export function modelCount(photo, category) {
  const row = rowOf(photo, category);
  const there = Object.hasOwn(photo.result?.counts ?? {}, category);
  const count = there ? photo.result.counts[category] : 0;
  const points = pointsOf(row?.points ?? [], count);
  return {
    category,
    count,
    by: "model",
    points,
    unplaced: count - points.length,
    words: there ? phrase(photo.result, category) : `no ${category}`,
    interval: row?.interval ?? null,
    row,
  };
}

/** The count of a category: a person's where there is one. */
export function countOf(photo, category) {
  const model = modelCount(photo, category);
  const edit = photo.corrections[ofCategory(category)];
  if (!edit) return model;
  return {
    ...model,
    count: edit.count,
    by: "person",
    points: edit.points,
    unplaced: edit.count - edit.points.length,
    words: `${category}: ${edit.count}`,
  };
}

/** What is there, the counter's in its order, then what only a person counted. */
export function countsOf(photo) {
  const names = new Set([...order(photo.result), ...edits(photo).keys()]);
  return [...names].map((category) => countOf(photo, category));
}

/** All categories of the counter, then a person's own. */
export function categoriesOf(photo) {
  return [...new Set([...(photo.result?.rows ?? []).map((row) => row.category), ...edits(photo).keys()])];
}

/** The shown categories, most numerous first; JSON objects do not keep the order of names such as "7". */
function order(result) {
  return Object.entries(result?.counts ?? {})
    .sort((a, b) => b[1] - a[1])
    .map(([category]) => category);
}

/** The words of one count: `text` lists them in the order of `counts`. */
function phrase(result, category) {
  const names = Object.keys(result.counts);
  const phrases = result.text.split(", ");
  return phrases.length === names.length
    ? phrases[names.indexOf(category)]
    : `${category}: ${result.counts[category]}`;
}

/** A correction that places another object. */
export function withPoint(count, point) {
  const points = [...count.points, point];
  return { count: Math.max(count.count, points.length), points };
}

export const withMoved = (count, index, point) => ({
  count: count.count,
  points: count.points.map((one, place) => (place === index ? point : one)),
});

export const withoutPoint = (count, index) => ({
  count: count.count - 1,
  points: count.points.filter((_, place) => place !== index),
});

/** A correction to a number; the counter's weakest points go first when it is smaller. */
export const withNumber = (count, number) => ({ count: number, points: count.points.slice(0, number) });

const COLOURS = 8;

/** The number of a category's colour, from 1: fixed by its place among the counter's categories. */
export function colourOf(photo, category) {
  const shown = countsOf(photo).map((count) => count.category);
  const place = shown.indexOf(category);
  return ((place < 0 ? 0 : place) % COLOURS) + 1;
}
