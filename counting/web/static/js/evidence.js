/** Evidence maps (Grad-CAM) of categories, as the API sends them, in colours to lay over the photo. */

import * as api from "./api.js";

const maps = new Map();

export const keyOf = (photo, category) => `${photo.id} ${photo.counter} ${category}`;

/** The map of a category, once it is there: `{key, category, pixels, whyEmpty}`. Asked for once. */
export function evidence(photo, category) {
  const key = keyOf(photo, category);
  if (!maps.has(key)) {
    const coming = load(photo, category, key);
    coming.catch(() => maps.delete(key));
    maps.set(key, coming);
  }
  return maps.get(key);
}

async function load(photo, category, key) {
  const { map, why_empty: whyEmpty } = await api.explain(photo, category);
  const bytes = Uint8Array.from(atob(map), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  return { key, category, pixels: coloured(image), whyEmpty };
}

/** From transparent over yellow to red, the more evidence the more opaque. */
function coloured(image) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height);
  const { data } = pixels;
  for (let place = 0; place < data.length; place += 4) {
    const value = data[place] / 255;
    data[place] = 255;
    data[place + 1] = 225 - 190 * value;
    data[place + 2] = 60 - 40 * value;
    data[place + 3] = 215 * Math.min(1, value * 1.25);
  }
  return pixels;
}
