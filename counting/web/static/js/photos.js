/** The photos on the page, their counting, and their corrections; tells listeners what has changed. */

import * as api from "./api.js";
import * as store from "./store.js";

const AT_ONCE = 3;
const LARGEST = 200 * 2 ** 20;
const THUMBNAIL = 240;
const STOPPED = "Stopped before it was counted.";

export const photos = [];
const listeners = new Set();
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("everyday-counting") : null;

/** Calls `listener(photo, what)` after every change; what is "list", "result", "corrections" or "saved". */
export const onChange = (listener) => listeners.add(listener);
const changed = (photo, what) => listeners.forEach((listener) => listener(photo, what));

export const find = (id) => photos.find((photo) => photo.id === id);

/** Photos from an earlier visit. */
export async function restore() {
  for (const record of await store.loadAll()) {
    const corrections = Object.fromEntries(record.corrections.map(({ what, value }) => [what, value]));
    photos.push(live({ ...record, corrections, saved: record.corrections.length ? "saved" : "" }));
  }
  changed(null, "list");
  count(photos.filter((photo) => photo.status === "waiting"));
}

const live = (photo) => ({
  corrections: {},
  history: [],
  saved: "",
  ...photo,
  status: photo.result ? "done" : "waiting",
  url: URL.createObjectURL(photo.blob),
});

/** Adds files, without those that are there already, and counts them. Returns the photos, old and new. */
export async function add(files) {
  const given = [];
  for (const file of files) {
    const photo = await addOne(file);
    given.push(photo);
    if (photo.status === "waiting") count([photo]);
  }
  return given;
}

async function addOne(file) {
  const name = (file.name || "photo").split("/").pop();
  const tooLarge = file.size > LARGEST;
  const id = tooLarge ? `${name}-${file.size}` : await store.idOf(file);
  const known = find(id);
  if (known) return known;
  const photo = live({ id, name, added: performance.timeOrigin + performance.now(), blob: file });
  photos.push(photo);
  if (tooLarge) {
    photo.status = "failed";
    photo.error = `${name}: ${Math.round(file.size / 2 ** 20)} MB is too large for a photo`;
  } else keep(photo);
  changed(null, "list");
  return photo;
}

let stopping = new AbortController();
const queue = [];
let running = 0;
let total = 0;
let finished = 0;

export const progress = () => ({ total, finished, running: running > 0 || queue.length > 0 });

export function count(some) {
  for (const photo of some) {
    if (queue.includes(photo) || photo.status === "counting") continue;
    photo.status = "waiting";
    photo.error = null;
    queue.push(photo);
    total += 1;
  }
  while (running < AT_ONCE && queue.length) work();
  changed(null, "progress");
}

async function work() {
  running += 1;
  while (queue.length) {
    await countOne(queue.shift());
    finished += 1;
    changed(null, "progress");
  }
  running -= 1;
  if (running === 0) {
    total = finished = 0;
    changed(null, "progress");
  }
}

async function countOne(photo) {
  photo.status = "counting";
  changed(photo, "result");
  try {
    const tile = photo.tile ?? null;
    photo.result = { ...(await api.count(photo, { tile, signal: stopping.signal })), tile };
    photo.thumbnail ??= await thumbnail(photo.blob);
    photo.counter = await api.counterName();
    photo.suggested = null;
    photo.status = "done";
    await store.saveResult(photo).catch(() => {}); // it can be counted again
  } catch (error) {
    photo.status = "failed";
    photo.error = error.name === "AbortError" ? STOPPED : error.message;
    if (error.badPhoto) await store.removePhoto(photo.id).catch(() => {});
  }
  changed(photo, "result");
}

/** Stops counting: what waits stays in the list, to be counted later. */
export function stop() {
  stopping.abort();
  stopping = new AbortController();
  for (const photo of queue.splice(0)) {
    photo.status = "failed";
    photo.error = STOPPED;
    changed(photo, "result");
  }
}

async function keep(photo) {
  try {
    await store.savePhoto(photo);
    photo.notKept = null;
  } catch (error) {
    photo.notKept = whyNotSaved(error);
  }
}

async function thumbnail(blob) {
  try {
    const image = await createImageBitmap(blob);
    const scale = Math.min(1, THUMBNAIL / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    image.close();
    return canvas.toDataURL("image/jpeg", 0.8);
  } catch {
    return null; // a format that this browser cannot show, such as HEIC
  }
}

/** Sets or (with null) removes a correction, and says when it is on the disk. */
export async function correct(photo, what, value, { undoable = true } = {}) {
  navigator.storage?.persist?.(); // asks the browser not to evict corrections when space is short
  const before = photo.corrections[what] ?? null;
  if (undoable) photo.history.push({ what, value: before });
  const correction =
    value && typeof value === "object" && !Array.isArray(value)
      ? { ...value, by: "person", at: new Date().toISOString() }
      : value;
  if (correction === null) delete photo.corrections[what];
  else photo.corrections = { ...photo.corrections, [what]: correction };
  photo.pending = (photo.pending ?? 0) + 1;
  photo.saved = "saving";
  changed(photo, "corrections");
  try {
    if (photo.notKept) await keep(photo);
    if (photo.notKept) throw new Error(photo.notKept);
    await store.saveCorrection(photo.id, what, correction);
    photo.lost?.delete(what);
  } catch (error) {
    (photo.lost ??= new Map()).set(what, whyNotSaved(error));
  }
  photo.pending -= 1;
  if (photo.pending === 0)
    photo.saved = photo.lost?.size ? `failed: ${[...photo.lost.values()][0]}` : "saved";
  changed(photo, "saved");
  tabs?.postMessage({ photo: photo.id });
}

/** Takes the last correction back. */
export async function undo(photo) {
  const last = photo.history.pop();
  if (last) await correct(photo, last.what, last.value, { undoable: false });
}

function whyNotSaved(error) {
  if (error?.name === "QuotaExceededError") return "this browser's storage is full";
  return error?.message || "this browser does not keep data";
}

export async function remove(photo) {
  photos.splice(photos.indexOf(photo), 1);
  const waiting = queue.indexOf(photo);
  if (waiting >= 0) queue.splice(waiting, 1);
  URL.revokeObjectURL(photo.url);
  changed(null, "list");
  await store.removePhoto(photo.id).catch(() => {});
}

export async function removeAll() {
  stop();
  for (const photo of photos.splice(0)) URL.revokeObjectURL(photo.url);
  changed(null, "list");
  await store.removeAll().catch(() => {});
}

/** What another tab has corrected appears here too. */
tabs?.addEventListener("message", async ({ data }) => {
  const photo = find(data.photo);
  if (!photo || photo.pending) return;
  const records = await store.loadCorrections(photo.id);
  photo.corrections = Object.fromEntries(records.map(({ what, value }) => [what, value]));
  photo.saved = records.length ? "saved" : "";
  changed(photo, "corrections");
});
