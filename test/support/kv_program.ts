/**
 * Programs for a database with the interface of `Deno.Kv`: random operations, and what they answer,
 * as lines of text that do not depend on versionstamps. So two implementations can be compared.
 *
 * @module
 */
import { encodeKey, type KvKey, type KvKeyPart } from "../../lib/deno_kv/tuple_key.ts";
import type { Random } from "./random.ts";

/** What is called of a database. */
export interface TestedKv {
  get(key: KvKey): Promise<TestedEntry>;
  getMany(keys: KvKey[]): Promise<TestedEntry[]>;
  set(key: KvKey, value: unknown): Promise<{ ok: boolean; versionstamp?: string }>;
  delete(key: KvKey): Promise<void>;
  // deno-lint-ignore no-explicit-any
  list(selector: any, options?: any): AsyncIterable<TestedEntry> & { cursor: string };
  // deno-lint-ignore no-explicit-any
  atomic(): any;
  enqueue(value: unknown, options: { delay: number }): Promise<{ ok: boolean }>;
}

interface Selector {
  readonly prefix?: KvKey;
  readonly start?: KvKey;
  readonly end?: KvKey;
}

interface TestedEntry {
  readonly key: KvKey;
  readonly value: unknown;
  readonly versionstamp: string | null;
}

/** The implementation's own class of numbers. */
export type MakeU64 = new (value: bigint) => { readonly value: bigint };

const PARTS: readonly KvKeyPart[] = [
  "",
  "a",
  "a\0",
  "ab",
  new Uint8Array(0),
  new Uint8Array([0]),
  new Uint8Array([255]),
  0,
  -0,
  -1.5,
  7,
  3n,
  -300n,
  false,
  true,
];

/** Runs a program that `random` draws; what each operation has answered. */
export async function runKvProgram(
  kv: TestedKv,
  U64: MakeU64,
  random: Random,
  steps: number,
): Promise<string[]> {
  const lines: string[] = [];
  const stamps = new Map<string, string | null>();
  const key = (): KvKey => Array.from({ length: random.between(1, 3) }, () => random.pick(PARTS));
  const keys = Array.from({ length: 12 }, key);
  const anyKey = () => random.next() < 0.9 ? random.pick(keys) : key();
  const value = () => random.next() < 0.4 ? new U64(BigInt(random.below(9))) : random.below(100);
  const seen = (entry: TestedEntry) => {
    stamps.set(show(entry.key), entry.versionstamp);
    return `${show(entry.key)}=${showValue(entry.value)}${entry.versionstamp === null ? "" : "!"}`;
  };
  const operations: (() => Promise<string>)[] = [
    async () => seen(await kv.get(anyKey())),
    async () => (await kv.getMany([anyKey(), anyKey(), anyKey()])).map(seen).join(),
    async () => String((await kv.set(anyKey(), value())).ok),
    async () => String(await kv.delete(anyKey())),
    async () => String((await kv.enqueue(random.below(100), { delay: 3_600_000 })).ok),
    async () => {
      const selector = random.pick<() => Selector>([
        () => ({ prefix: anyKey().slice(0, random.below(3)) }),
        () => ({ prefix: [], start: anyKey() }),
        () => ({ prefix: anyKey().slice(0, 1), end: anyKey() }),
        () => ({ start: anyKey(), end: anyKey() }),
      ])();
      const limit = random.between(1, 8);
      const reverse = random.next() < 0.4;
      // For Deno's own a list is at its end when its limit leaves it at a start that begins its
      // end.
      const options = !reverse && startBeginsEnd(selector) ? { reverse } : { limit, reverse };
      const pages: string[] = [];
      let cursor = "";
      do {
        const list = kv.list(selector, { ...options, cursor });
        const entries: string[] = [];
        for await (const entry of list) entries.push(seen(entry));
        pages.push(entries.join());
        cursor = list.cursor;
      } while (cursor !== "");
      return pages.join(" | ");
    },
    async () => {
      let operation = kv.atomic();
      let checks = 0;
      // What may be refused comes first, and alone: Deno's own keeps what it has changed by then.
      const first = random.below(6);
      if (first === 0) operation = operation.sum(anyKey(), random.pick([1n, 5n, 2n ** 64n - 1n]));
      else if (first === 1) operation = operation.min(anyKey(), BigInt(random.below(9)));
      else if (first === 2) operation = operation.max(anyKey(), BigInt(random.below(9)));
      for (let i = random.between(0, 3); i > 0; i--) {
        const at = anyKey();
        const kind = random.below(3);
        if (kind === 0) operation = operation.set(at, value());
        else if (kind === 1) operation = operation.delete(at);
        else {
          checks += 1;
          operation = operation.check({ key: at, versionstamp: stamps.get(show(at)) ?? null });
        }
      }
      const result = await operation.commit();
      return `${checks} checks: ${result.ok}`;
    },
  ];
  for (let step = 0; step < steps; step++) {
    const index = random.below(operations.length);
    const line = await operations[index]!().catch((error: unknown) => {
      return `refused: ${error instanceof TypeError ? "TypeError" : String(error)}`;
    });
    lines.push(`${step}, ${index}: ${line}`);
  }
  return lines;
}

function startBeginsEnd({ start, end }: Selector): boolean {
  if (start === undefined || end === undefined) return false;
  const [from, to] = [encodeKey(start), encodeKey(end)];
  return from.every((byte, i) => to[i] === byte);
}

function show(key: KvKey): string {
  return key.map(showValue).join("/");
}

function showValue(value: unknown): string {
  if (value instanceof Uint8Array) return `[${value.join()}]`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "object" && value !== null && "value" in value) return `U64 ${value.value}`;
  return String(value);
}
