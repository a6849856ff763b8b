/**
 * Counts in parts of a photo, by the rule of `counting predict --region`: each counted object belongs to the regions
 * that contain its point; where a counter gives no points, each cell's count is spread evenly over the cell. The counts
 * of regions that divide the photo sum to the photo's count.
 */

import { countsOf } from "./counts.js";
import { contains } from "./geometry.js";

const STEPS = 8;

/** The rest of the photo, as a row. */
export const ELSEWHERE = "elsewhere";

export const regionsOf = (photo) => photo.corrections.regions ?? [];

/**
 * @returns {{counts: Count[], rows: {name: string, polygon: ?number[][], values: {count: number, expected: number}[]}[],
 *   total: {count: number, expected: number}[]}} the last row is the rest of the photo
 */
export function regionCounts(photo, counts = countsOf(photo)) {
  const regions = regionsOf(photo);
  const located = counts.map((count) => objects(photo, count));
  const inRegion = (test) => located.map((some) => summed(some.filter(test)));
  const rows = regions.map(({ name, polygon }) => ({
    name,
    polygon,
    values: inRegion(({ point }) => contains(polygon, point)),
  }));
  const outside = ({ point }) => point === null || !regions.some(({ polygon }) => contains(polygon, point));
  rows.push({ name: ELSEWHERE, polygon: null, values: inRegion(outside) });
  return { counts, rows, total: located.map(summed) };
}

const summed = (some) => ({
  count: some.reduce((sum, one) => sum + one.count, 0),
  expected: some.reduce((sum, one) => sum + one.weight, 0),
});

/** Points, each with its weight and how many of the counted objects it stands for; no point: a person gave none. */
function objects(photo, count) {
  if (count.by === "person") {
    const placed = count.points.map((point) => ({ point, weight: 1, count: 1 }));
    return count.unplaced > 0
      ? [...placed, { point: null, weight: count.unplaced, count: count.unplaced }]
      : placed;
  }
  const points = count.row?.points;
  if (!points) return spread(photo, count);
  const [each, rest] = [Math.floor(count.count / points.length), count.count % points.length];
  return points.map(([x, y, weight], place) => ({
    point: [x, y],
    weight,
    count: each + (place < rest ? 1 : 0),
  }));
}

/** Points evenly over the cells; every object belongs to one of them, at equal steps of their summed weight. */
function spread(photo, count) {
  const cells = count.row?.cells ?? [];
  const [width, height] = photo.result.size;
  const offsets = [...Array(STEPS).keys()].map((step) => (step + 0.5) / STEPS);
  const points = cells.flatMap((row, i) =>
    row.flatMap((value, j) =>
      offsets.flatMap((down) =>
        offsets.map((across) => ({
          point: [((j + across) * width) / row.length, ((i + down) * height) / cells.length],
          weight: value / STEPS ** 2,
          count: 0,
        })),
      ),
    ),
  );
  let total = 0;
  const sums = points.map((one) => (total += one.weight));
  for (let number = 0; number < count.count && points.length; number += 1) {
    const step = ((number + 0.5) / count.count) * total;
    const place = sums.findIndex((sum) => sum >= step);
    points[place < 0 ? points.length - 1 : place].count += 1;
  }
  return points;
}
