/** Small helpers for the document: making elements, redrawing without losing the focus, and announcements. */

const SVG = "http://www.w3.org/2000/svg";

/** An element. Properties: `on…` are listeners, `data` is its dataset, `false`/`null` leaves an attribute out. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same for SVG. */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style")
      for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "value" && "value" in element) element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Replaces the content of `container`; what had the focus keeps it, found again by its `data-key`. */
export function redraw(container, ...children) {
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  container.replaceChildren(...children.flat().filter(Boolean));
  if (!focused) return;
  const again = [...container.querySelectorAll("[data-key]")].find(
    (element) => element.dataset.key === focused,
  );
  if (again && again !== document.activeElement) again.focus({ preventScroll: true });
}

/** Says something to a screen reader. */
export function announce(text) {
  byId("status").textContent = text;
}

/** Shows a message that stays until it is closed; `kind` is "error" or "info". */
export function notify(text, kind = "error") {
  const notices = byId("notices");
  if ([...notices.children].some((notice) => notice.dataset.text === text)) return;
  const close = h(
    "button",
    { type: "button", class: "icon", "aria-label": "Close the message" },
    icon("close"),
  );
  const notice = h("div", { class: `notice ${kind}`, data: { text } }, h("p", {}, text), close);
  close.addEventListener("click", () => notice.remove());
  notices.append(notice);
}

const ICONS = {
  close: "M5 5l10 10M15 5L5 15",
  undo: "M8 5L4 9l4 4M4 9h8a4 4 0 0 1 0 8h-2",
  trash: "M4 6h12M8 6V4h4v2M6 6l1 11h6l1-11",
  check: "M4 10.5l4 4 8-9",
  edit: "M4 16l1-4 8-8 3 3-8 8zM11 6l3 3",
  warning: "M10 3l8 14H2zM10 8v4M10 14.5v.5",
  photo: "M3 4h14v12H3zM3 14l4-5 4 4 2-2 4 4M13 7.5v.01",
};

/** A line drawing of 20 × 20, hidden from screen readers. */
export function icon(name) {
  const drawn = svg("path", { d: ICONS[name] });
  return svg("svg", { viewBox: "0 0 20 20", class: "icon-drawing", "aria-hidden": "true" }, drawn);
}

/** "1 photo", "2 photos". */
export const plural = (count, noun, more = `${noun}s`) => `${count} ${count === 1 ? noun : more}`;

/** Saves a file as a download. */
export function save({ name, blob }) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
