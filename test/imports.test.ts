/**
 * Imports go one way: a folder of lib/ uses those below it in the table, and no two files import
 * each other, by whatever way.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";

/**
 * Each room may use those after it. A new folder gets its place here, and a row in CONTRIBUTING.md.
 * A folder within one of them that has no place of its own is a part of it. What only a pool behind
 * a network needs is a wing, far/, whose rooms stand beside those that they belong to.
 */
const ORDER: readonly string[] = [
  // What is built on the store, by its public interface.
  "inspector",
  "metrics",
  "adapters",
  "deno_kv",
  "queue",
  "lock",
  "cli",
  // Stores of pools that another process has open, and the thread that serves them.
  "cluster/store",
  "remote",
  "far/store",
  "store",
  "store/operations",
  "store/opening",
  "store/maintenance",
  "store/commits",
  "store/watches",
  "store/writes",
  "store/reads",
  "store/options",
  "store/arguments",
  "store/figures",
  "store/parts",
  // What other processes ask of a store.
  "live",
  // The roles.
  "cluster",
  "gateway",
  "mnode",
  "recovery",
  "far/mnode",
  "far/client",
  "client",
  "far/node",
  "node",
  "dpm",
  "persistence",
  "far/log",
  "agent",
  // The shared structures.
  "rings",
  "routing",
  "ordered",
  "index",
  "watch",
  "log",
  "statistics",
  "codec",
  "cache",
  "eviction",
  "pool",
  "wire",
  "platform",
  "core",
];

/** Imports against the order that are still there. A number may only fall; at 0 its row goes. */
const EXCEPTIONS: readonly {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}[] = [
  // Who opens a store chooses its kind.
  { from: "store", to: "cluster/store", count: 1 },
  { from: "store", to: "far/store", count: 2 },
  { from: "store", to: "remote", count: 4 },
];

/** The files that each file imports, by their paths relative to the project's folder. */
type Imports = ReadonlyMap<string, readonly string[]>;

/** A static import or re-export, or a dynamic import, of a file of this project. */
const IMPORT = /^(?:import|export)\b[^;"]*"(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm;

function readImports(folder: string): Imports {
  const paths = readdirSync(join(PROJECT_ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((path) => posix.join(folder, path.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".ts"));
  return new Map(paths.map((path) => {
    const source = readFileSync(join(PROJECT_ROOT, path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    const imports = [...source.matchAll(IMPORT)]
      .map((match) => posix.join(posix.dirname(path), (match[1] ?? match[2])!));
    return [path, imports];
  }));
}

/** The room of an order that a file is in; "" for what is in none, such as what is above lib/. */
function roomOf(path: string, order: readonly string[]): string {
  for (let folder = posix.dirname(path); folder !== "."; folder = posix.dirname(folder)) {
    const room = folder.slice("lib/".length);
    if (order.includes(room)) return room;
  }
  return "";
}

/** Every import against an order, as "from -> to: file imports file". */
function againstOrder(imports: Imports, order: readonly string[]): string[] {
  const found: string[] = [];
  for (const [path, targets] of imports) {
    const from = roomOf(path, order);
    if (from === "") throw new Error(`${path} has no place in the order of test/imports.test.ts`);
    for (const target of targets) {
      const to = roomOf(target, order);
      if (order.indexOf(to) >= order.indexOf(from)) continue;
      found.push(`${from} -> ${to}: ${path} imports ${target}`);
    }
  }
  return found;
}

/** One cycle of imports, as the files on it; undefined if there is none. */
function findCycle(imports: Imports): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  function visit(file: string): string[] | undefined {
    if (done.has(file)) return undefined;
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    path.push(file);
    for (const target of imports.get(file) ?? []) {
      const cycle = visit(target);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  }
  for (const file of imports.keys()) {
    const cycle = visit(file);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

const imports = readImports("lib");

test("imports follow the order of the folders", () => {
  const left = new Map<string, string[]>();
  for (const line of againstOrder(imports, ORDER)) {
    const pair = line.slice(0, line.indexOf(":"));
    left.set(pair, [...left.get(pair) ?? [], line]);
  }
  for (const { from, to, count } of EXCEPTIONS) {
    const lines = left.get(`${from} -> ${to}`) ?? [];
    const hint = lines.length < count ? "fewer are left: lower the number" : "one more is too many";
    assert.is(lines.length, count, `${from} -> ${to}, ${hint}\n${lines.join("\n")}`);
    left.delete(`${from} -> ${to}`);
  }
  assert.equal([...left.values()].flat(), []);
});

test("every folder of the order exists", () => {
  const rooms = new Set([...imports.keys()].map((path) => roomOf(path, ORDER)));
  assert.equal(ORDER.filter((room) => !rooms.has(room)), []);
});

test("newcomers find each folder in CONTRIBUTING.md", () => {
  const rows = readFileSync(join(PROJECT_ROOT, "CONTRIBUTING.md"), "utf8");
  for (const room of ORDER) {
    assert.match(rows, `| \`lib/${room.startsWith("far/") ? "far/" : room}\` `);
  }
});

test("the map of docs/architecture.md has each folder, and imports go down it", () => {
  const text = readFileSync(join(PROJECT_ROOT, "docs/architecture.md"), "utf8");
  const map = /imports\.test\.ts[^`]*```text\n([^`]*)```/.exec(text)![1]!;
  const lines = map.split("\n").map((line) => line.trim().split(/ {2,}/));
  const lineOf = (room: string) => lines.findIndex((line) => line.includes(room));
  const onMap = ORDER.filter((room) => !/^(?:far|store)\/(?!store$)/.test(room));
  assert.equal(onMap.filter((room) => lineOf(room) < 0), []);
  for (const [path, targets] of imports) {
    for (const target of targets) {
      const [from, to] = [roomOf(path, onMap), roomOf(target, onMap)];
      if (EXCEPTIONS.some((exception) => exception.from === from && exception.to === to)) continue;
      if (from === "" || to === "") continue;
      assert.ok(lineOf(from) <= lineOf(to), `${path} imports ${target}, up the map`);
    }
  }
});

test("no file imports itself by way of others", () => {
  for (const files of [imports, readImports("bench")]) {
    assert.equal(findCycle(files)?.join("\n"), undefined);
  }
});

test("the checks find what they look for", () => {
  const bad: Imports = new Map([
    ["lib/core/a.ts", ["lib/core/b.ts", "mod.ts"]],
    ["lib/core/b.ts", ["lib/pool/c.ts"]],
    ["lib/pool/c.ts", ["lib/core/a.ts"]],
  ]);
  assert.equal(againstOrder(bad, ["pool", "core"]), [
    "core -> : lib/core/a.ts imports mod.ts",
    "core -> pool: lib/core/b.ts imports lib/pool/c.ts",
  ]);
  assert.equal(findCycle(bad), [
    "lib/core/a.ts",
    "lib/core/b.ts",
    "lib/pool/c.ts",
    "lib/core/a.ts",
  ]);
  assert.throws(() => againstOrder(bad, ["core"]), /lib\/pool\/c\.ts has no place/);
  // Hundreds of imports are read: the pattern still knows how they are written.
  assert.ok([...imports.values()].flat().length > 500);
});

test.run();
