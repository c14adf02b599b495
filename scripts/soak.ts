/**
 * Overwrites a pool that is nearly full, for as long as one likes, and watches what must not grow:
 * memory, file sizes, descriptors.
 *
 * ```sh
 * npm run soak -- 600          # seconds; also: bun scripts/soak.ts 600, deno run -A scripts/soak.ts 600
 * ```
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { open, type Store } from "../mod.ts";

const SECONDS_DEFAULT = 60;
const CAPACITY_BYTES = 64 * 2 ** 20;
/** Share of what the pool admits that is live. */
const FILL = 0.9;
const VALUE_BYTES = [50, 200, 1000, 4000] as const;
const CONCURRENT = 200;
const SAMPLE_MS = 5000;
/** Samples at the beginning in which memory may still grow. */
const WARM_UP_SAMPLES = 3;
/** How much more than after the warm-up is still flat. */
const RSS_SLACK_BYTES = 96 * 2 ** 20;
const DESCRIPTORS_SLACK = 8;

interface Sample {
  readonly seconds: number;
  readonly operations: number;
  readonly rssBytes: number;
  readonly fileBytes: number;
  readonly descriptors: number;
}

/** A value that tells its key and its number. */
function valueOf(key: number, number: number): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES[(key + number) % VALUE_BYTES.length]!);
  new DataView(value.buffer).setUint32(0, key, true);
  new DataView(value.buffer).setUint32(4, number, true);
  return value;
}

async function fill(store: Store<Uint8Array>): Promise<number> {
  const { liveBytesMax } = store.stats();
  let count = 0;
  // Later values of a key may be the largest, so every key is counted with the average.
  const average = VALUE_BYTES.reduce((sum, bytes) => sum + bytes + 60, 0) / VALUE_BYTES.length;
  while (count * average < FILL * liveBytesMax) {
    await store.put(`key ${count}`, valueOf(count, 0));
    count += 1;
  }
  return count;
}

function sample(path: string, startMs: number, operations: number): Sample {
  const files = readdirSync(path).map((name) => statSync(join(path, name)));
  let descriptors = 0;
  try {
    descriptors = readdirSync("/proc/self/fd").length;
  } catch {
    // Not on this system.
  }
  return {
    seconds: Math.round((performance.now() - startMs) / 1000),
    operations,
    rssBytes: process.memoryUsage().rss,
    fileBytes: files.reduce((sum, { blocks, size }) => sum + Math.max(size, blocks * 512), 0),
    descriptors,
  };
}

function print({ seconds, operations, rssBytes, fileBytes, descriptors }: Sample): void {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `${seconds} s: ${operations} operations, RSS ${mib(rssBytes)}, files ${mib(fileBytes)}, ` +
      `${descriptors} descriptors`,
  );
}

/** What has grown; empty if nothing has. */
function growth(samples: readonly Sample[]): string[] {
  const [first, ...later] = samples.slice(WARM_UP_SAMPLES);
  const last = later.at(-1);
  if (first === undefined || last === undefined) return [];
  const found: string[] = [];
  if (last.rssBytes > first.rssBytes + RSS_SLACK_BYTES) found.push("memory has grown");
  if (last.fileBytes > 2 * CAPACITY_BYTES) found.push("files have grown beyond twice the pool");
  if (last.descriptors > first.descriptors + DESCRIPTORS_SLACK) {
    found.push("descriptors have grown");
  }
  return found;
}

async function overwrite(
  store: Store<Uint8Array>,
  path: string,
  count: number,
  seconds: number,
): Promise<{ numbers: Uint32Array; samples: Sample[] }> {
  const numbers = new Uint32Array(count);
  const samples: Sample[] = [];
  const startMs = performance.now();
  let operations = 0;
  let nextMs = startMs;
  while (performance.now() < startMs + seconds * 1000) {
    const puts: Promise<unknown>[] = [];
    for (let i = 0; i < CONCURRENT; i++) {
      const key = Math.floor(Math.random() * count);
      puts.push(store.put(`key ${key}`, valueOf(key, ++numbers[key])));
    }
    await Promise.all(puts);
    operations += CONCURRENT;
    await setImmediate();
    if (performance.now() < nextMs) continue;
    nextMs += SAMPLE_MS;
    samples.push(sample(path, startMs, operations));
    print(samples.at(-1)!);
  }
  return { numbers, samples };
}

function check(store: Store<Uint8Array>, numbers: Uint32Array): number {
  let wrong = 0;
  for (let key = 0; key < numbers.length; key++) {
    const value = store.getSync(`key ${key}`);
    const isRight = value !== undefined &&
      Buffer.compare(value, valueOf(key, numbers[key]!)) === 0;
    if (!isRight) wrong += 1;
  }
  return wrong;
}

const seconds = Number(process.argv[2] ?? SECONDS_DEFAULT);
const path = mkdtempSync(join(tmpdir(), "dinomo-soak-"));
try {
  const options = { path, codec: "binary" } as const;
  const store = await open({
    ...options,
    capacity: CAPACITY_BYTES,
    segmentBytes: "1MiB",
    nodes: 2,
  });
  const count = await fill(store);
  console.log(`${count} keys`);
  const { numbers, samples } = await overwrite(store, path, count, seconds);
  const { durability, segmentsCleaned } = store.stats();
  console.log(`${durability.checkpoint} checkpoints, ${segmentsCleaned} segments cleaned`);
  await store.close();
  const again = await open(options);
  const wrong = check(again, numbers);
  await again.close();
  const problems = growth(samples);
  if (wrong > 0) problems.push(`${wrong} values are wrong`);
  console.log(problems.length === 0 ? "flat, and every value right" : problems.join("; "));
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(path, { recursive: true, force: true });
}
