/** The page: what is shown, and how its parts hang together. */

import { actionsOn } from "./actions.js";
import * as api from "./api.js";
import { drawAsk } from "./ask.js";
import { modelCount } from "./counts.js";
import { announce, byId, h, notify, plural, redraw } from "./dom.js";
import { evidence, keyOf } from "./evidence.js";
import { openExport } from "./export-dialog.js";
import { listen } from "./intake.js";
import { drawList, thumbnail } from "./list.js";
import { drawCounts, drawSaved } from "./panel.js";
import * as photos from "./photos.js";
import { drawRegionPanel } from "./region-panel.js";
import { drawStage, focusOf } from "./stage.js";
import { askForToken } from "./token-dialog.js";
import { drawToolbar } from "./toolbar.js";

const DELAY = 120;

const ui = {
  view: "photo",
  photo: null,
  mode: "look",
  show: { dots: true, cells: false, map: false },
  chosen: null,
  hovered: null,
  dot: null,
  draft: null,
  pointer: null,
  region: null,
  asked: null,
  answer: null,
  map: null,
  mapBusy: false,
  counter: null,
  sort: { by: null, down: false },
  modelWords: (category) => modelCount(ui.photo, category).words,
  drawToolbar: () => drawToolbar(byId("toolbar"), ui),
  drawAsk(question) {
    drawAsk(byId("ask"), ui);
    if (question) byId("question").value = question;
  },
  onPlace: (place, event) => ui.actions.place(place, event),
  onHover(place) {
    if (ui.mode !== "regions" || !ui.draft?.length) return;
    ui.pointer = place;
    drawOnStage();
  },
  loadMap,
};

const drawOnStage = () => drawStage(byId("stage"), ui);

/** Puts the focus on an element, found by its key, once the page is drawn again. */
function focusOn(key) {
  const found = [...document.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);
  found?.focus({ preventScroll: true });
}

ui.actions = Object.assign(actionsOn(ui, draw, drawOnStage, focusOn), {
  open: (photo) => open(photo),
  remove(photo) {
    if (ui.photo === photo) ui.photo = null;
    photos.remove(photo);
  },
  removeAll() {
    if (confirm("Remove all photos and corrections from this browser?")) photos.removeAll();
  },
  sort(by) {
    const numbersFirstDown = by !== "name";
    ui.sort = ui.sort.by === by ? { by, down: !ui.sort.down } : { by, down: numbersFirstDown };
    drawList(byId("list-view"), ui);
  },
});

function open(photo, view = "photo") {
  if (ui.photo !== photo)
    Object.assign(ui, {
      photo,
      chosen: null,
      hovered: null,
      dot: null,
      draft: null,
      region: null,
      asked: null,
      answer: null,
      map: null,
    });
  ui.view = view;
  draw();
  loadQuestions(photo);
  loadMap();
}

function draw() {
  const all = photos.photos;
  if (!ui.photo || !all.includes(ui.photo)) ui.photo = all.at(-1) ?? null;
  const none = all.length === 0;
  byId("empty").hidden = !none;
  if (all.length < 2) ui.view = "photo";
  drawBar();
  byId("photo-view").hidden = none || ui.view !== "photo";
  byId("list-view").hidden = none || ui.view !== "list";
  if (none) return;
  if (ui.view === "list") drawList(byId("list-view"), ui);
  else drawPhoto();
}

function drawBar() {
  const all = photos.photos;
  byId("views").hidden = all.length < 2;
  byId("actions").hidden = all.length === 0;
  byId("how-many-photos").textContent = String(all.length);
  for (const button of byId("views").children)
    button.setAttribute("aria-pressed", String(button.dataset.view === ui.view));
}

function drawPhoto() {
  ui.drawToolbar();
  drawOnStage();
  drawCounts(byId("counts"), ui);
  drawRegionPanel(byId("regions"), ui);
  drawAsk(byId("ask"), ui);
  drawStrip();
}

function drawStrip() {
  const all = photos.photos;
  byId("strip").hidden = all.length < 2;
  redraw(
    byId("strip"),
    all.map((photo) =>
      h(
        "button",
        {
          type: "button",
          data: { key: `strip-${photo.id}` },
          "aria-label": photo.name,
          title: photo.name,
          "aria-current": photo === ui.photo ? "true" : null,
          onclick: () => open(photo),
        },
        thumbnail(photo),
      ),
    ),
  );
}

function drawProgress() {
  const { total, finished, running } = photos.progress();
  byId("progress").hidden = !running;
  byId("progress-bar").max = Math.max(total, 1);
  byId("progress-bar").value = finished;
  byId("progress-text").textContent =
    total > 1 ? `Counting photo ${Math.min(finished + 1, total)} of ${total}` : "Counting";
}

async function loadQuestions(photo) {
  if (photo.suggested || photo.status !== "done") return;
  photo.suggested = [];
  try {
    photo.suggested = (await api.questions(photo)).slice(0, 6);
  } catch {
    photo.suggested = null; // suggestions are not needed to ask
  }
  if (photo === ui.photo) ui.drawAsk();
}

async function loadMap() {
  const { photo } = ui;
  if (!ui.show.map || photo?.status !== "done") return;
  const category = focusOf(ui);
  if (!category || ui.map?.key === keyOf(photo, category)) return;
  ui.mapBusy = true;
  ui.drawToolbar();
  try {
    const map = await evidence(photo, category);
    if (photo !== ui.photo || category !== focusOf(ui)) return;
    ui.map = map;
    if (map.whyEmpty) announce(map.whyEmpty);
  } catch (error) {
    ui.show.map = false;
    notify(`No evidence for ${category}: ${error.message}`);
  } finally {
    ui.mapBusy = false;
    if (ui.view === "photo") {
      ui.drawToolbar();
      drawOnStage();
    }
  }
}

let drawing = null;

/**
 * Draws what other photos changed, a little later: a folder of photos changes it many times a second. The open photo
 * is left alone, since somebody may be dragging a dot on it.
 */
function drawOthersSoon() {
  drawing ??= setTimeout(() => {
    drawing = null;
    if (!ui.photo || ui.view === "list") draw();
    else {
      drawBar();
      drawStrip();
    }
  }, DELAY);
}

photos.onChange((photo, what) => {
  drawProgress();
  if (what === "progress") return;
  if (what === "result" && photo.status === "done") announce(`${photo.name}: ${photo.result.text}`);
  if (what === "result" && photo.status === "failed") announce(photo.error);
  if (what === "result" && photo === ui.photo) {
    draw();
    loadQuestions(photo);
    loadMap();
  } else if (what === "saved") {
    if (photo === ui.photo) drawSaved(photo);
  } else if (what === "result" || (what === "list" && photos.progress().running)) drawOthersSoon();
  else draw();
});

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.target.closest("input, textarea")) return;
  if (event.key === "Escape" && ui.draft) ui.actions.cancelRegion();
  if (event.key === "Enter" && ui.draft?.length >= 3) {
    event.preventDefault();
    ui.actions.closeRegion();
  }
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && ui.photo?.history.length) {
    event.preventDefault();
    ui.actions.undo();
  }
});

byId("views").addEventListener("click", (event) => {
  const view = event.target.closest("[data-view]")?.dataset.view;
  if (view) Object.assign(ui, { view });
  draw();
});

document.addEventListener("click", (event) => {
  const wanted = event.target.closest("[data-do]")?.dataset.do;
  if (wanted === "export") openExport(byId("export-dialog"), photos.photos);
  if (wanted === "stop") photos.stop();
});

listen(async (files) => {
  if (!files.length) return;
  announce(`${plural(files.length, "file")} added`);
  if (files.length > 1) ui.view = "list";
  const added = await photos.add(files);
  open(added[0], added.length > 1 ? "list" : "photo");
});

api.onTokenNeeded((wrong) => askForToken(byId("token-dialog"), wrong));
photos.restore().then(
  async () => {
    if (!ui.photo) return;
    open(ui.photo);
    ui.counter = await api.counterName();
    draw();
  },
  (error) =>
    notify(
      `Photos and corrections are not kept: ${error.message || "this browser does not store data"}.`,
      "info",
    ),
);
