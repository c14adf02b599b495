/**
 * Pools as a version has left them, packed small: what every later version must open.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { LOCK_FILE } from "../../lib/persistence/pool_directory.ts";
import type { Key, OpenOptions, Store } from "../../mod.ts";

/** A way to make a pool. */
export interface FixtureKind {
  readonly codec: "msgpack" | "json" | "binary";
  readonly placement: "near" | "far";
  /** Killed: what was written last is in the log only, behind the checkpoint. */
  readonly end: "closed" | "killed";
}

/** All of them. */
export const FIXTURE_KINDS: readonly FixtureKind[] = [
  { codec: "msgpack", placement: "near" },
  { codec: "json", placement: "near" },
  { codec: "binary", placement: "near" },
  { codec: "msgpack", placement: "far" },
].flatMap((kind) => [{ ...kind, end: "closed" }, { ...kind, end: "killed" }] as FixtureKind[]);

/** Name of a fixture. */
export function fixtureName({ codec, placement, end }: FixtureKind): string {
  return `${codec}-${placement}-${end}`;
}

/** How the pool of a fixture is opened. */
export function fixtureOptions(
  { codec, placement }: FixtureKind,
  path: string,
): OpenOptions<unknown, "mixed"> & { readonly keys: "mixed" } {
  const options = {
    path,
    keys: "mixed",
    capacity: "1MiB",
    segmentBytes: "64KiB",
    ringBytes: "8KiB",
    codec,
  } as OpenOptions<unknown, "mixed"> & { readonly keys: "mixed" };
  return placement === "far" ? { ...options, placement } : options;
}

/** A moment that no test sees. */
const EXPIRES_AT_MS = Date.UTC(2900, 0);
const BIG_BYTES = 42_000;
const KEY_COUNT = 60;

/** Keys and values that a fixture holds. */
export function fixtureContents({ codec }: FixtureKind): [string | Uint8Array, unknown][] {
  const bytes = (seed: number, length: number) =>
    Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);
  if (codec === "binary") {
    return Array.from({ length: KEY_COUNT }, (_, i) => [`key ${i}`, bytes(i, i)]);
  }
  const contents: [string | Uint8Array, unknown][] = Array.from(
    { length: KEY_COUNT },
    (_, i) => [`key ${i}`, { id: i, name: `name ${i}`, list: [i, null, i / 8] }],
  );
  contents.push([bytes(200, 9), "a key of bytes"], ["ключ", "ünïcode"]);
  return contents;
}

/** A value that is too large for a ring; the same for every kind. */
export function bigValue({ codec }: FixtureKind): unknown {
  const text = "large ".repeat(BIG_BYTES / 6);
  return codec === "binary" ? new Uint8Array(Buffer.from(text)) : text;
}

/** Writes all of it: changes, deletes, and values that expire. */
export async function fillFixture(store: Store<unknown, Key>, kind: FixtureKind): Promise<void> {
  const contents = fixtureContents(kind);
  const [, first] = contents[0]!;
  for (const [key] of contents) await store.put(key, first);
  for (let i = 0; i < KEY_COUNT; i++) await store.put(`gone ${i}`, first);
  if (kind.end === "killed") await store.snapshot();
  await store.putMany(contents);
  await store.deleteMany(Array.from({ length: KEY_COUNT }, (_, i) => `gone ${i}`));
  await store.put("big", bigValue(kind));
  await store.put("expires", first, { ttl: EXPIRES_AT_MS - Date.now() });
  await store.put("expired", first, { ttl: 1 });
  await store.flush();
}

/** Blocks that are not empty, by file: offset and contents. */
type Packed = Record<string, { length: number; blocks: [at: number, base64: string][] }>;

const BLOCK_BYTES = 4096;

/** Packs the files of a pool, without its lock, which is of a machine. */
export function packPool(directory: string): Uint8Array {
  const packed: Packed = {};
  for (const name of readdirSync(directory).sort()) {
    if (name === LOCK_FILE) continue;
    const bytes = readFileSync(join(directory, name));
    const blocks: [number, string][] = [];
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      const block = bytes.subarray(at, at + BLOCK_BYTES);
      if (block.some((byte) => byte !== 0)) blocks.push([at, block.toString("base64")]);
    }
    packed[name] = { length: bytes.length, blocks };
  }
  return gzipSync(JSON.stringify(packed), { level: 9 });
}

/** Makes a pool's directory of a packed one. */
export function unpackPool(bytes: Uint8Array, directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const packed = JSON.parse(gunzipSync(bytes).toString()) as Packed;
  for (const [name, { length, blocks }] of Object.entries(packed)) {
    const contents = Buffer.alloc(length);
    for (const [at, block] of blocks) contents.set(Buffer.from(block, "base64"), at);
    const path = join(directory, name);
    writeFileSync(path, contents, { mode: 0o600 });
  }
}
