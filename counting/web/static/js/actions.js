/** What the user can do with a photo; `draw` shows the outcome. */

import { countOf, edits, ofCategory, withMoved, withNumber, withoutPoint, withPoint } from "./counts.js";
import { announce, notify, plural } from "./dom.js";
import { crossesItself, longestSide, middle } from "./geometry.js";
import * as photos from "./photos.js";
import * as api from "./api.js";
import { regionsOf } from "./regions.js";
import { closes, snapped } from "./region-drawing.js";

const REGIONS = "regions";

/** The regions of a photo on another one. */
function scaled(regions, { result: from }, { result: to }) {
  const onOther = ([x, y]) => [(x * to.size[0]) / from.size[0], (y * to.size[1]) / from.size[1]];
  return regions.map(({ name, polygon }) => ({ name, polygon: polygon.map(onOther) }));
}

/** The actions on `ui.photo`. `draw()` draws everything, `drawStage()` only the photo. */
export function actionsOn(ui, draw, drawOnStage, focusOn) {
  const set = (category, correction) => photos.correct(ui.photo, ofCategory(category), correction);
  const count = (category) => countOf(ui.photo, category);
  const setRegions = (regions) => photos.correct(ui.photo, REGIONS, regions.length ? regions : null);

  const setPolygon = (region, polygon) =>
    setRegions(regionsOf(ui.photo).map((one, at) => (at === region ? { ...one, polygon } : one)));

  const actions = {
    setMode(mode) {
      ui.mode = mode;
      ui.draft = null;
      ui.dot = null;
      ui.asked = ui.answer = null;
      draw();
    },
    choose(category) {
      ui.chosen = category;
      ui.answer = null;
      ui.dot = null;
      draw();
      ui.loadMap();
    },
    hover(category) {
      if (ui.hovered === category || ui.mode === "correct") return;
      ui.hovered = category;
      drawOnStage();
      ui.loadMap();
    },
    toggle(what) {
      const cellsOfAnswer = what === "cells" && ui.answer !== null;
      ui.show[what] = !ui.show[what] && !cellsOfAnswer;
      if (cellsOfAnswer) ui.answer = null;
      draw();
      ui.loadMap();
    },
    selectDot(index) {
      ui.dot = index;
      ui.drawToolbar();
    },
    addDot(category, place) {
      set(category, withPoint(count(category), place));
      ui.dot = count(category).points.length - 1;
      focusOn(`dot-${category}-${ui.dot}`);
      announce(`Dot added: ${plural(count(category).count, category, category)}`);
    },
    addDotInMiddle() {
      const [width, height] = ui.photo.result.size;
      actions.addDot(ui.chosen, [width / 2, height / 2]);
    },
    moveDot(category, index, place) {
      set(category, withMoved(count(category), index, place));
      focusOn(`dot-${category}-${index}`);
    },
    deleteDot(category, index) {
      set(category, withoutPoint(count(category), index));
      const left = count(category).points.length;
      ui.dot = left ? Math.min(index, left - 1) : null;
      focusOn(left ? `dot-${category}-${ui.dot}` : "add-dot");
      announce(`Dot deleted: ${plural(count(category).count, category, category)}`);
    },
    setNumber: (category, number) => set(category, withNumber(count(category), number)),
    reset: (category) => set(category, null),
    resetAll: () => [...edits(ui.photo).keys()].forEach((category) => set(category, null)),
    confirm: (confirmed) => photos.correct(ui.photo, "confirmed", confirmed ? {} : null),
    undo() {
      ui.dot = null;
      photos.undo(ui.photo);
    },

    place(place, event) {
      const frame = event.currentTarget;
      if (ui.mode === "correct" && ui.chosen) return actions.addDot(ui.chosen, place);
      if (ui.mode === "correct") return announce("Choose a category first");
      if (ui.mode !== REGIONS) return undefined;
      if (closes(ui, place, frame)) return actions.closeRegion();
      ui.draft = [...(ui.draft ?? []), snapped(ui, place, frame)];
      ui.region = null;
      return draw();
    },
    closeRegion() {
      const polygon = ui.draft ?? [];
      ui.draft = null;
      if (polygon.length >= 3) return actions.addRegion(polygon);
      return draw();
    },
    cancelRegion() {
      ui.draft = null;
      draw();
    },
    addRegion(polygon) {
      if (crossesItself(polygon))
        notify(
          "The outline of this region crosses itself: where it overlaps itself, nothing is counted.",
          "info",
        );
      const regions = regionsOf(ui.photo);
      const names = new Set(regions.map((region) => region.name));
      let number = regions.length + 1;
      while (names.has(`region ${number}`)) number += 1;
      ui.region = regions.length;
      setRegions([...regions, { name: `region ${number}`, polygon }]);
      announce(`region ${number} added`);
    },
    addRectangle() {
      const [width, height] = ui.photo.result.size;
      const share = (x, y) => [width * x, height * y];
      actions.addRegion([share(0.25, 0.25), share(0.75, 0.25), share(0.75, 0.75), share(0.25, 0.75)]);
      focusOn(`corner-${ui.region}-0`);
    },
    moveCorner(region, index, place) {
      setPolygon(
        region,
        regionsOf(ui.photo)[region].polygon.map((point, at) => (at === index ? place : point)),
      );
      focusOn(`corner-${region}-${index}`);
    },
    /** In the middle of the longest side. */
    addCorner() {
      const { polygon } = regionsOf(ui.photo)[ui.region];
      const place = longestSide(polygon) + 1;
      const corner = middle([polygon[place - 1], polygon[place % polygon.length]]);
      setPolygon(ui.region, polygon.toSpliced(place, 0, corner));
      focusOn(`corner-${ui.region}-${place}`);
    },
    deleteCorner(region, index) {
      const { polygon } = regionsOf(ui.photo)[region];
      if (polygon.length <= 3) return announce("A region has at least three corners");
      setPolygon(region, polygon.toSpliced(index, 1));
      return focusOn(`corner-${region}-${Math.min(index, polygon.length - 2)}`);
    },
    chooseRegion(region) {
      if (ui.mode !== REGIONS || ui.region === region) return;
      ui.region = region;
      ui.drawToolbar();
      drawOnStage();
    },
    nameRegion(region, typed) {
      const name = typed.trim().replace(/\s+/g, " ") || `region ${region + 1}`;
      const taken = regionsOf(ui.photo).some((one, at) => at !== region && one.name === name);
      if (taken) notify(`There is already a region with the name ${name}.`, "info");
      else setRegions(regionsOf(ui.photo).map((one, at) => (at === region ? { ...one, name } : one)));
      draw();
    },
    deleteRegion(region) {
      ui.region = null;
      setRegions(regionsOf(ui.photo).filter((_, at) => at !== region));
      focusOn("add-rectangle");
    },

    /** The regions of this photo in all others, scaled to their sizes; regions that they had are replaced. */
    copyRegions() {
      const { photo } = ui;
      const others = photos.photos.filter((one) => one !== photo && one.status === "done");
      for (const other of others) photos.correct(other, REGIONS, scaled(regionsOf(photo), photo, other));
      notify(`The regions are now in ${plural(others.length, "other photo")}.`, "info");
    },

    async ask(question) {
      const { photo } = ui;
      const asked = (ui.asked = { question, busy: true });
      ui.answer = null;
      ui.drawAsk(question);
      try {
        asked.answer = await api.ask(photo, question);
      } catch (error) {
        asked.error = error.message;
      }
      asked.busy = false;
      if (ui.asked !== asked) return;
      const found = asked.answer;
      ui.answer =
        found?.count > 0 && found.cells?.length
          ? { cells: found.cells, categories: found.categories ?? [] }
          : null;
      draw();
    },

    again: (photo) => photos.count([photo]),

    inTiles(photo, chosen) {
      photo.tile = chosen ? "auto" : null;
      photos.count([photo]);
    },
  };
  return actions;
}
