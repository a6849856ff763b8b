/** How photos come onto the page: dropped, pasted, chosen, or an example. */

import { byId, notify } from "./dom.js";

/** `take(files)` is called with a list of files. */
export function listen(take) {
  const input = byId("file-input");
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-do=choose]")) input.click();
    const example = event.target.closest("[data-example]");
    if (example) takeExample(example.dataset.example, take);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files.map(renamed));
  });
  listenForDrops(take);
}

/** Pasted pictures are all called image.png. */
function renamed(file) {
  if (file.name !== "image.png") return file;
  const now = new Date().toISOString().slice(0, 19).replaceAll(":", "");
  return new File([file], `pasted-${now}.png`, { type: file.type });
}

async function takeExample(address, take) {
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const blob = await response.blob();
    take([new File([blob], address.split("/").pop(), { type: blob.type })]);
  } catch (error) {
    notify(`The example could not be loaded (${error.message}).`);
  }
}

function listenForDrops(take) {
  const cover = byId("drop-cover");
  let depth = 0;
  const show = (shown) => (cover.hidden = !shown);
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    show(true);
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) show(false);
  });
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    take(await filesOf(event.dataTransfer));
  });
}

/** Dropped files, also those in dropped folders. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = await Promise.all(entries.map(inEntry));
  return found
    .flat()
    .filter((file) => file.type.startsWith("image/") || /\.(heic|heif|avif|jp2|tiff?)$/i.test(file.name));
}

async function inEntry(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    children.push(...some);
  }
  return (await Promise.all(children.map(inEntry))).flat();
}
