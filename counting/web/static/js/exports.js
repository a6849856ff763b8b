/** Files of the counts: CSV, JSON and COCO, and a data set for training with the photos in it. */

import { categoriesOf, countOf, countsOf, isChecked } from "./counts.js";
import { regionCounts, regionsOf } from "./regions.js";
import { zip } from "./zip.js";

const stem = (name) => name.replace(/\.[^./]*$/, "");
const ending = (name) => name.slice(stem(name).length);

/** Each photo with a file name that no other has, so that its rows can be told apart. */
function named(photos) {
  const taken = new Set();
  return photos.map((photo) => {
    let name = photo.name;
    for (let number = 2; taken.has(stem(name).toLowerCase()); number += 1)
      name = `${stem(photo.name)} (${number})${ending(photo.name)}`;
    taken.add(stem(name).toLowerCase());
    return { photo, name };
  });
}

const allCategories = (photos) => [
  ...new Set([
    ...photos.flatMap((photo) => photo.result.rows.map((row) => row.category)),
    ...photos.flatMap(categoriesOf),
  ]),
];

const raw = (count) => (count.by === "person" ? count.count : (count.row?.count_raw ?? 0));

/** Quoted where needed; what a spreadsheet would take for a formula is not one. */
function field(value) {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csv = (rows) => rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");

/** One row for each photo, as `counting predict --out counts.csv` writes it: raw counts, or a person's. */
export function table(photos) {
  const categories = allCategories(photos);
  const rows = named(photos).map(({ photo, name }) => [
    stem(name),
    ...categories.map((category) => raw(countOf(photo, category))),
  ]);
  return file("counts.csv", "text/csv", csv([["image", ...categories], ...rows]));
}

/** One row for each photo and category that is there, with who counted. */
export function sheet(photos) {
  const rows = named(photos).flatMap(({ photo, name }) =>
    countsOf(photo).map((count) => {
      const { low, high } = (count.by === "model" && count.interval) || {};
      return [name, count.category, count.count, low, high, count.by, countedBefore(count)];
    }),
  );
  return file(
    "counts_by_category.csv",
    "text/csv",
    csv([["photo", "category", "count", "low", "high", "counted_by", "count_by_model"], ...rows]),
  );
}

const countedBefore = (count) => (count.by === "person" && count.row ? count.row.count : undefined);

/** The rows of `counting predict --out counts.json`, with who counted, also those of its regions. */
export function rows(photos) {
  const categories = allCategories(photos);
  const all = named(photos).flatMap(({ photo, name }) => {
    const counts = categories.map((category) => countOf(photo, category));
    const parts = regionCounts(photo, counts).rows.slice(0, -1);
    return counts.map((count, place) => {
      const regions = parts.map((part) => inRegion(part.name, part.values[place]));
      return { ...row(photo, name, count, place + 1), ...(regions.length ? { regions } : {}) };
    });
  });
  return file("counts.json", "application/json", `${JSON.stringify(all, null, 1)}\n`);
}

const inRegion = (region, { count, expected }) => ({ region, count, expected: Number(expected.toFixed(6)) });

function row(photo, name, count, number) {
  const image = stem(name);
  const person = count.by === "person";
  return {
    image_id: /^\d+$/.test(image) && Number.isSafeInteger(Number(image)) ? Number(image) : image,
    file_name: name,
    category_id: number,
    category: count.category,
    count: person ? count.count : (count.row?.count ?? 0),
    count_raw: raw(count),
    counted_by: count.by,
    checked: isChecked(photo),
    ...(person
      ? {
          count_by_model: count.row?.count ?? null,
          corrected: photo.corrections[`count:${count.category}`].at,
        }
      : {}),
    ...(count.interval && !person ? { interval: count.interval, probability: count.row.probability } : {}),
    ...(person
      ? { points: count.points.map(([x, y]) => [x, y, 1]) }
      : count.row?.points
        ? { points: count.row.points }
        : {}),
  };
}

/** The regions of a photo in LabelMe's format, as `counting predict --region` reads it. */
export function regionFile(photo) {
  const [imageWidth, imageHeight] = photo.result.size;
  const shapes = regionsOf(photo).map(({ name, polygon }) => ({
    label: name,
    points: polygon,
    shape_type: "polygon",
    group_id: null,
    flags: {},
  }));
  const content = {
    version: "5.5.0",
    flags: {},
    shapes,
    imagePath: photo.name,
    imageData: null,
    imageHeight,
    imageWidth,
  };
  return file("regions.json", "application/json", `${JSON.stringify(content, null, 1)}\n`);
}

/** Why a photo cannot be in a file of points; null if it can. */
export function withoutPoints(photo) {
  const missing = countsOf(photo).filter((count) => count.unplaced > 0);
  if (!missing.length) return null;
  return `${photo.name}: ${missing.map((count) => `${count.category} has ${count.unplaced} without a dot`).join(", ")}`;
}

/** A COCO instances file in which every counted object is a box of no size. */
function instances(photos) {
  const categories = allCategories(photos);
  const listed = named(photos);
  let id = 0;
  return {
    info: { description: "Counted with everyday-counting; each object is a point, a box without size." },
    images: listed.map(({ photo, name }, place) => ({
      id: place + 1,
      file_name: name,
      width: photo.result.size[0],
      height: photo.result.size[1],
      checked: isChecked(photo),
    })),
    annotations: listed.flatMap(({ photo }, place) =>
      countsOf(photo).flatMap((count) =>
        count.points.map(([x, y]) => ({
          id: (id += 1),
          image_id: place + 1,
          category_id: categories.indexOf(count.category) + 1,
          bbox: [x, y, 0, 0],
          area: 0,
          iscrowd: 0,
          counted_by: count.by,
        })),
      ),
    ),
    categories: categories.map((name, place) => ({ id: place + 1, name })),
  };
}

export const coco = (photos) =>
  file("instances_counted.json", "application/json", `${JSON.stringify(instances(photos), null, 1)}\n`);

/** The same with the photos, in the folders in which `counting train` looks for them. */
export async function dataSet(photos) {
  const listed = named(photos);
  const content = [
    {
      name: "annotations/instances_default.json",
      blob: new Blob([`${JSON.stringify(instances(photos), null, 1)}\n`]),
    },
  ];
  content.push(...listed.map(({ photo, name }) => ({ name: `images/${name}`, blob: photo.blob })));
  return { name: "counted.zip", blob: await zip(content) };
}

const file = (name, type, text) => ({ name, blob: new Blob([text], { type: `${type};charset=utf-8` }) });
