/**
 * What the inspector's page draws of a cluster: a part of its program (page_script.ts).
 *
 * @module
 */

/** A part of a classic script. */
export const PAGE_CLUSTER = String.raw`
const COLUMNS = ["node", "slots", "requests a second", "from memory", "keys", "cached", "lease left"];
/** Of columns that narrow windows have no room for. */
const WIDE_ONLY = [4, 5, 6];

/** How much more a node has counted in a second; undefined if it has not answered twice. */
function nodeRate(figure, at, id) {
  if (at < 1) return undefined;
  const of = (sample) => sample.nodes.find((node) => node.id === id && node.answers);
  const [before, after] = [of(samples[at - 1]), of(samples[at])];
  if (before === undefined || after === undefined) return undefined;
  const ms = samples[at].timeMs - samples[at - 1].timeMs;
  return Math.max(0, (after[figure] - before[figure]) * 1000 / ms);
}

/** The same of all nodes. */
function clusterRate(figure, at) {
  if (at < 1) return undefined;
  return samples[at].nodes.reduce((sum, { id }) => sum + (nodeRate(figure, at, id) ?? 0), 0);
}

const percent = (part, whole) => whole > 0 ? Math.round(100 * part / whole) + " %" : "–";

function drawClusterTiles({ nodes, cluster, pending }) {
  const at = samples.length - 1;
  const sum = (figure) => nodes.reduce((total, node) => total + (node[figure] ?? 0), 0);
  const reads = clusterRate("reads", at);
  showTiles([
    ["keys", count(sum("keys"))],
    ["reads a second", count(reads)],
    ["writes a second", count(clusterRate("writes", at))],
    ["of reads need no server", percent(clusterRate("valueHits", at), reads)],
    ["need one round trip", percent(clusterRate("shortcutHits", at), reads)],
    ["cached by nodes", bytes(sum("cacheBytes"))],
    ["not in the index yet", bytes(sum("unmergedBytes"))],
    ["slots without owner", count(cluster.unownedSlots)],
    ["on their way here", count(pending)],
    ["were sent again", count(cluster.resent)],
  ]);
}

function drawClusterCharts({ nodes }) {
  const rates = (figure) => samples.map((_, i) => clusterRate(figure, i));
  drawLines("operations", [
    { values: rates("reads"), colour: "--reads" },
    { values: rates("writes"), colour: "--writes" },
  ]);
  const of = (id) => samples.map((sample) =>
    sample.nodes.find((node) => node.id === id)?.requestsPerSecond);
  drawLines("latency", nodes.map(({ id }) => ({ values: of(id), colour: colourOf(id) })));
  $("lines").replaceChildren(...nodes.map(({ id }) => {
    const item = element("span");
    item.append(swatchOf(id), "node " + id);
    return item;
  }));
}

/** Two bytes for each slot, the lower one first. */
function ownersOf({ owners }) {
  const view = new DataView(bytesOf(owners).buffer);
  return Array.from({ length: view.byteLength / 2 }, (_, slot) => view.getInt16(2 * slot, true));
}

function drawMembers({ nodes, cluster }) {
  const at = samples.length - 1;
  $("columns").replaceChildren(...COLUMNS.map((name, i) =>
    element("th", name, { className: WIDE_ONLY.includes(i) ? "wide" : "" })));
  $("nodes").replaceChildren(...nodes.map((node) => {
    const row = element("tr");
    const name = element("td");
    name.append(swatchOf(node.id), "node " + node.id);
    if (node.id === cluster.own) {
      name.append(element("small", " this process", { className: "wide" }));
    }
    name.append(element("small", node.address ?? "has left", { className: "address wide" }));
    const hits = percent(nodeRate("valueHits", at, node.id), nodeRate("reads", at, node.id));
    const lease = node.answers ? (node.leaseLeftMs / 1000).toFixed(1) + " s" : "no answer";
    const cells = [
      String(node.slots),
      count(node.requestsPerSecond),
      hits,
      count(node.keys),
      node.cacheBytes === undefined ? "–" : bytes(node.cacheBytes),
      lease,
    ];
    row.append(name, ...cells.map((text, i) =>
      element("td", text, { className: WIDE_ONLY.includes(i + 1) ? "wide" : "" })));
    return row;
  }));
}

function drawCluster(sample) {
  const { name, own } = sample.cluster;
  $("state").textContent = "cluster " + name +
    (own === undefined ? ", this process is no node" : ", this process is node " + own);
  $("log").hidden = true;
  $("chart").textContent = "Requests a second of each node";
  $("owned").textContent = "4,096 slots by the node that owns them";
  $("members").textContent = "Nodes";
  drawClusterTiles(sample);
  drawClusterCharts(sample);
  drawSlots(ownersOf(sample));
  drawMembers(sample);
}
`;
