/**
 * The program of the inspector's page. It runs in a browser: it asks for a sample once a second,
 * and draws it. Plain JavaScript, without anything from elsewhere.
 *
 * @module
 */

import { PAGE_CLUSTER } from "./page_cluster.ts";

/** A classic script. */
export const PAGE_SCRIPT: string = String.raw`
"use strict";
const token = location.hash.slice(1);
const SAMPLES_MAX = 180;
/** KNs that are offered: most machines have fewer processors than a pool may have KNs. */
const SLIDER_MAX = 16;
const STATES = ["free", "open", "sealed", "being cleaned", "free after the next checkpoint"];
const samples = [];
const $ = (id) => document.getElementById(id);

async function ask(path, method) {
  const response = await fetch(path, { method, headers: { authorization: "Bearer " + token } });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
// By the golden angle, so that any few of the 64 differ well.
const hueOf = (node) => (215 + node * 137.508) % 360;
const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const colourOf = (node) => node < 0
  ? variable("--line")
  : "hsl(" + hueOf(node) + " 62% " + (isDark() ? 58 : 52) + "%)";

function count(value) {
  if (value === undefined) return "–";
  for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (value >= size) return (value / size).toPrecision(3) + unit;
  }
  return String(Math.round(value * 10) / 10);
}

function bytes(value) {
  for (const [size, unit] of [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"]]) {
    if (value >= size) return (value / size).toPrecision(3) + unit;
  }
  return value + " B";
}

function micros(value) {
  if (value === undefined) return "–";
  return value < 1000 ? value.toPrecision(3) + " µs" : (value / 1000).toPrecision(3) + " ms";
}

function element(name, text, attributes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  Object.assign(made, attributes);
  return made;
}

/** What has changed in a second between two samples, of a figure that is counted. */
function rate(figure, at) {
  if (at < 1) return undefined;
  const [before, after] = [samples[at - 1], samples[at]];
  return Math.max(0, (after[figure] - before[figure]) * 1000 / (after.timeMs - before.timeMs));
}

function swatchOf(node) {
  const swatch = element("span", undefined, { className: "swatch" });
  swatch.style.background = colourOf(node);
  return swatch;
}

function showTiles(tiles) {
  $("tiles").replaceChildren(...tiles.map(([label, value]) => {
    const tile = element("div", undefined, { className: "tile" });
    tile.append(element("b", value), element("span", label));
    return tile;
  }));
}

function drawTiles(sample) {
  const at = samples.length - 1;
  const [hits, misses] = [rate("hits", at), rate("misses", at)];
  const reads = hits === undefined ? undefined : hits + misses;
  showTiles([
    ["keys", count(sample.keys)],
    ["reads a second", count(reads)],
    ["writes a second", count(rate("writes", at))],
    ["of reads find a key", reads > 0 ? Math.round(100 * hits / reads) + " %" : "–"],
    ["mean of writes", micros(sample.meanMicros)],
    ["99 % of writes", micros(sample.p99Micros)],
    ["live, of " + bytes(sample.liveBytesMax), bytes(sample.liveBytes)],
    ["index and order", bytes(sample.indexBytes + sample.orderBytes)],
    ["threads use it", count(sample.clients)],
    ["unsynced", bytes(sample.unsyncedBytes)],
  ]);
}

/** A canvas as large as it is shown, in pixels of the screen; and its size in those of the page. */
function canvasOf(id, height) {
  const canvas = $(id);
  const width = canvas.clientWidth;
  canvas.style.height = height + "px";
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  return [context, width, height];
}

/** The next of 1, 2 and 5 times a power of ten. */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((nice) => nice >= value);
}

/** Lines over time: the newest is on the right. Where nothing was measured there is no line. */
function drawLines(id, lines) {
  const [context, width, height] = canvasOf(id, 170);
  const [left, bottom, top] = [46, height - 20, 8];
  const known = lines.flatMap(({ values }) => values).filter((value) => value !== undefined);
  const max = niceAbove(Math.max(1, ...known));
  const x = (i) => width - 4 - (samples.length - 1 - i) * (width - left - 4) / (SAMPLES_MAX - 1);
  const y = (value) => bottom - (bottom - top) * value / max;
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = variable("--soft");
  context.strokeStyle = variable("--line");
  context.textAlign = "right";
  for (let i = 0; i <= 2; i++) {
    const value = max * i / 2;
    context.beginPath();
    context.moveTo(left, y(value));
    context.lineTo(width - 4, y(value));
    context.stroke();
    context.fillText(count(value), left - 6, y(value) + 4);
  }
  context.textAlign = "left";
  context.fillText("3 minutes ago", left, height - 5);
  context.textAlign = "right";
  context.fillText("now", width - 4, height - 5);
  for (const { values, colour } of lines) {
    context.strokeStyle = colour.startsWith("--") ? variable(colour) : colour;
    context.lineWidth = 1.75;
    context.lineJoin = "round";
    context.beginPath();
    let isDown = false;
    values.forEach((value, i) => {
      if (value === undefined) isDown = false;
      else if (isDown) context.lineTo(x(i), y(value));
      else {
        context.moveTo(x(i), y(value));
        isDown = true;
      }
    });
    context.stroke();
  }
}

function drawCharts() {
  const rates = (figure) => samples.map((_, i) => rate(figure, i));
  const [hits, misses] = [rates("hits"), rates("misses")];
  const reads = hits.map((hit, i) => hit === undefined ? undefined : hit + misses[i]);
  drawLines("operations", [
    { values: reads, colour: "--reads" },
    { values: rates("writes"), colour: "--writes" },
  ]);
  drawLines("latency", [
    { values: samples.map(({ p99Micros }) => p99Micros), colour: "--writes" },
    { values: samples.map(({ meanMicros }) => meanMicros), colour: "--reads" },
  ]);
  $("measured").textContent = samples.at(-1).meanMicros === undefined
    ? "nothing was measured in the last window; it takes the option statistics"
    : "";
}

/** 64 rows of 64 slots, each in the colour of the KN, or node, that owns it. */
function drawSlots(owners) {
  const canvas = $("slots");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d");
  owners.forEach((node, slot) => {
    context.fillStyle = colourOf(node);
    context.fillRect(slot % 64, Math.floor(slot / 64), 1, 1);
  });
}

function drawNodes(sample) {
  const before = new Map(samples.at(-2)?.nodes.map((node) => [node.id, node]));
  const seconds = (sample.timeMs - (samples.at(-2)?.timeMs ?? 0)) / 1000;
  $("nodes").replaceChildren(...sample.nodes.map((node) => {
    const row = element("tr");
    const name = element("td");
    name.append(swatchOf(node.id), "KN " + node.id);
    const old = before.get(node.id);
    const requests = old === undefined ? undefined : (node.requests - old.requests) / seconds;
    row.append(name, element("td", String(node.slots)), element("td", count(requests)));
    const busy = element("td", node.occupancy === undefined
      ? "–"
      : Math.round(100 * node.occupancy) + " %");
    if (node.occupancy !== undefined) {
      const bar = element("span", undefined, { className: "bar" });
      const share = element("i");
      share.style.width = 100 * node.occupancy + "%";
      bar.append(share);
      busy.append(bar);
    }
    row.append(busy);
    return row;
  }));
}

/** Each segment is a cell: how far it is written, and how much of that can be read. */
function drawSegments({ states, used, live }) {
  const state = bytesOf(states);
  const [written, alive] = [bytesOf(used), bytesOf(live)];
  const columns = Math.max(16, Math.ceil(Math.sqrt(state.length * 6)));
  const rows = Math.ceil(state.length / columns);
  const cell = Math.max(3, Math.floor($("segments").clientWidth / columns));
  const [context] = canvasOf("segments", rows * cell);
  const gap = cell > 6 ? 1 : 0;
  const colours = ["--line", "--good", "--reads", "--writes", "--third"].map(variable);
  state.forEach((kind, i) => {
    const x = (i % columns) * cell;
    const y = Math.floor(i / columns) * cell;
    const size = cell - gap;
    context.globalAlpha = 1;
    context.fillStyle = colours[0];
    context.fillRect(x, y, size, size);
    if (kind === 0) return;
    context.fillStyle = colours[kind];
    for (const [share, alpha] of [[written[i], 0.35], [alive[i], 1]]) {
      const height = size * share / 255;
      context.globalAlpha = alpha;
      context.fillRect(x, y + size - height, size, height);
    }
  });
  $("states").replaceChildren(...STATES.map((name, kind) => {
    const item = element("span");
    const swatch = element("span", undefined, { className: "swatch" });
    swatch.style.background = colours[kind];
    item.append(swatch, name + " " + state.filter((other) => other === kind).length);
    return item;
  }));
}

function draw() {
  const sample = samples.at(-1);
  if (sample === undefined) return;
  if (sample.cluster !== undefined) return drawCluster(sample);
  $("state").textContent = bytes(sample.capacityBytes) + ", durability " + sample.durability;
  $("scaling").hidden = !sample.writable;
  if (document.activeElement !== $("count")) {
    $("count").max = Math.max(sample.nodes.length, Math.min(SLIDER_MAX, sample.nodesMax));
    $("count").value = $("counted").textContent = String(sample.nodes.length);
  }
  drawTiles(sample);
  drawCharts();
  drawSlots(bytesOf(sample.owners));
  drawNodes(sample);
  drawSegments(sample);
}

async function look() {
  try {
    samples.push(await ask("/sample"));
    if (samples.length > SAMPLES_MAX) samples.shift();
    $("message").textContent = "";
    draw();
  } catch (error) {
    $("message").textContent = "no answer: " + error.message;
  }
  setTimeout(look, 1000);
}

/** The newest search, and the button of the key that is shown: answers to others come too late. */
let search = 0;
let chosen;

async function find(event) {
  event?.preventDefault();
  const own = ++search;
  try {
    const { keys, isMore } = await ask("/keys?limit=100&prefix=" +
      encodeURIComponent($("prefix").value));
    if (own !== search) return;
    $("keys").replaceChildren(...keys.map((key) => {
      const item = element("li");
      const button = element("button", key, { onclick: () => show(key, button) });
      item.append(button);
      return item;
    }));
    $("found").textContent = isMore
      ? "the first 100 that were found"
      : keys.length + (keys.length === 1 ? " key" : " keys");
  } catch (error) {
    if (own === search) $("found").textContent = error.message;
  }
}

async function show(key, button) {
  if (chosen !== undefined) chosen.ariaCurrent = "false";
  chosen = button;
  button.ariaCurrent = "true";
  try {
    const { text, version, expiresAt } = await ask("/value?key=" + encodeURIComponent(key));
    if (chosen !== button) return;
    $("about").textContent = "version " + version + (expiresAt === undefined
      ? ""
      : ", gone at " + new Date(expiresAt).toLocaleString());
    $("value").textContent = text;
  } catch (error) {
    if (chosen !== button) return;
    $("about").textContent = error.message;
    $("value").textContent = "";
  }
}

async function scale() {
  $("count").blur();
  $("refused").textContent = "";
  try {
    await ask("/scale?nodes=" + $("count").value, "POST");
  } catch (error) {
    $("refused").textContent = error.message;
  }
}

${PAGE_CLUSTER}
$("search").addEventListener("submit", find);
$("count").addEventListener("input", () => $("counted").textContent = $("count").value);
$("count").addEventListener("change", scale);
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
look();
find();
`;
