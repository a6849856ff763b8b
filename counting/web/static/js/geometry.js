/** Plane geometry of polygons, given as lists of [x, y]. */

/**
 * Whether a point is in a polygon, by the even-odd rule. A point on a side that two polygons share is in exactly one of
 * them: sides are read from their upper end, so that both polygons compute the same.
 */
export function contains(polygon, [x, y]) {
  let inside = false;
  polygon.forEach((a, place) => {
    const b = polygon[(place + 1) % polygon.length];
    const [[x0, y0], [x1, y1]] = a[1] <= b[1] ? [a, b] : [b, a];
    if (y0 <= y && y < y1 && x < x0 + (x1 - x0) * ((y - y0) / (y1 - y0))) inside = !inside;
  });
  return inside;
}

/** The middle of a polygon's corners, for its name. */
export function middle(polygon) {
  return [0, 1].map((axis) => polygon.reduce((sum, point) => sum + point[axis], 0) / polygon.length);
}

/** The number of a polygon's longest side; side i is from corner i to the next. */
export function longestSide(polygon) {
  const lengths = polygon.map((point, place) => {
    const next = polygon[(place + 1) % polygon.length];
    return Math.hypot(next[0] - point[0], next[1] - point[1]);
  });
  return lengths.indexOf(Math.max(...lengths));
}

export const within = ([x, y], [width, height]) => [
  Math.min(Math.max(x, 0), width),
  Math.min(Math.max(y, 0), height),
];

/** Whether two segments cross in their interiors. */
function cross([a, b], [c, d]) {
  const side = (p, q, r) => Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

/** Whether the outline of a polygon crosses itself. */
export function crossesItself(polygon) {
  const edges = polygon.map((point, place) => [point, polygon[(place + 1) % polygon.length]]);
  return edges.some((one, i) => edges.some((other, j) => j > i && cross(one, other)));
}
