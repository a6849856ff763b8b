/**
 * What this browser keeps: photos with their counts, and the corrections of each, until the user removes them.
 *
 * A correction is its own record for each photo and category, so that two tabs do not overwrite each other. A promise
 * that is kept means that the record is on the disk: transactions are strict, and survive a crash of the browser.
 */

const NAME = "everyday-counting";
const VERSION = 1;
const PHOTOS = "photos";
const RESULTS = "results";
const CORRECTIONS = "corrections";
const STORES = [PHOTOS, RESULTS, CORRECTIONS];

let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(PHOTOS, { keyPath: "id" });
      request.result.createObjectStore(RESULTS, { keyPath: "photo" });
      request.result.createObjectStore(CORRECTIONS, { keyPath: ["photo", "what"] });
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab keeps an older version of this page open"));
  });
  return opening;
}

/** Runs `work` on the stores, and waits until its changes are on the disk. Answers with the results of its requests. */
async function transact(mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORES, mode, { durability: "strict" });
    const requests = work(...STORES.map((name) => transaction.objectStore(name)));
    transaction.oncomplete = () => resolve(requests.map((request) => request.result));
    transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error("not saved"));
  });
}

const ofPhoto = (id) => IDBKeyRange.bound([id], [id, []]);

/** Photos in the order in which they were added, each with its result and its corrections, if any. */
export async function loadAll() {
  const [photos, results, corrections] = await transact("readonly", (...stores) =>
    stores.map((one) => one.getAll()),
  );
  const counted = new Map(results.map((one) => [one.photo, one]));
  return photos
    .sort((a, b) => a.added - b.added)
    .map((photo) => ({
      ...photo,
      result: counted.get(photo.id)?.result ?? null,
      thumbnail: counted.get(photo.id)?.thumbnail ?? null,
      counter: counted.get(photo.id)?.counter ?? null,
      corrections: corrections.filter((one) => one.photo === photo.id),
    }));
}

export async function loadCorrections(id) {
  const [found] = await transact("readonly", (photos, results, corrections) => [
    corrections.getAll(ofPhoto(id)),
  ]);
  return found;
}

export const savePhoto = ({ id, name, added, blob }) =>
  transact("readwrite", (photos) => [photos.put({ id, name, added, blob })]);

export const saveResult = ({ id, result, thumbnail, counter }) =>
  transact("readwrite", (photos, results) => [results.put({ photo: id, result, thumbnail, counter })]);

/** `value` null removes the correction. */
export function saveCorrection(photo, what, value) {
  const record = { photo, what, value, saved: new Date().toISOString() };
  return transact("readwrite", (photos, results, corrections) => [
    value === null ? corrections.delete([photo, what]) : corrections.put(record),
  ]);
}

export const removePhoto = (id) =>
  transact("readwrite", (photos, results, corrections) => [
    photos.delete(id),
    results.delete(id),
    corrections.delete(ofPhoto(id)),
  ]);

export const removeAll = () => transact("readwrite", (...stores) => stores.map((one) => one.clear()));

/** An id of the content of a file: equal for equal files. Works without HTTPS, where crypto.subtle does not. */
export async function idOf(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let a = 0xdeadbeef ^ bytes.length;
  let b = 0x41c6ce57 ^ bytes.length;
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 2654435761);
    b = Math.imul(b ^ byte, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  const half = (part) => (part >>> 0).toString(16).padStart(8, "0");
  return `${half(b)}${half(a)}-${bytes.length}`;
}
