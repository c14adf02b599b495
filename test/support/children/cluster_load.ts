/**
 * A process that uses a cluster together with others, and checks every answer, until it is told to end: see ../cluster/chaos/.
 *
 * Keys with its own number are changed by it alone, so it knows exactly what each operation has to find.
 *
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { open } from "../../../mod.ts";
import { childArguments, heard } from "../child.ts";
import {
  type LoadMessage,
  type LoadOptions,
  SHARED_COUNT,
  UNIQUE_COUNT,
  UNWRITTEN,
} from "../cluster/chaos/messages.ts";

/** Additions to each number at one time. */
const ADDITIONS = 8;
/** Longer times without an answer are told. */
const GAP_MS_MIN = 100;
/** Registers at one time, and how long they are used: histories stay short. */
const REGISTERS = 3;
const REGISTER_MS = 4000;

const { cluster, id } = childArguments<LoadOptions>();
const store = await open<number>({ cluster });
let isWanted = true;
let answeredAtMs = Date.now();

function say(message: LoadMessage): void {
  writeSync(1, `@dinomo ${JSON.stringify(message)}\n`);
}

/** Notes that something was answered. */
function answered<T>(result: T): T {
  const nowMs = Date.now();
  if (nowMs - answeredAtMs >= GAP_MS_MIN) say({ kind: "gap", fromMs: answeredAtMs, toMs: nowMs });
  answeredAtMs = nowMs;
  return result;
}

function check(isRight: boolean, what: string): void {
  if (!isRight) say({ kind: "wrong", what: `process ${id}: ${what}` });
}

async function addToShared(round: number): Promise<void> {
  const key = `shared ${round % SHARED_COUNT}`;
  const count = ADDITIONS;
  say({ kind: "adding", key, count });
  await Promise.all(Array.from({ length: count }, () => store.increment(key).then(answered)));
  say({ kind: "added", key, count });
}

let own = 0;
async function addToOwn(): Promise<void> {
  const sums = await Promise.all(
    Array.from({ length: ADDITIONS }, () => store.increment(`own ${id}`).then(answered)),
  );
  for (const sum of sums) check(sum === ++own, `sum ${sum} instead of ${own}`);
}

async function putUnique(round: number): Promise<void> {
  const keys = Array.from({ length: UNIQUE_COUNT }, (_, i) => `unique ${id} ${round} ${i}`);
  const value = (i: number) => round * UNIQUE_COUNT + i;
  await Promise.all(keys.map((key, i) => store.put(key, value(i)).then(answered)));
  say({ kind: "put", round });
  const read = await store.getMany(keys);
  read.forEach((found, i) => check(found === value(i), `${keys[i]} is ${found}`));
}

let link: { version: number; value: number } | undefined;
async function goOnWithChain(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const value = (link?.value ?? 0) + 1;
    const before = link?.version ?? null;
    const version = answered(await store.compareAndSet(`chain ${id}`, before, value));
    check(version !== undefined, `link ${value} of a chain was not put`);
    if (version !== undefined) link = { version, value };
  }
}

async function goOnWithSharedChain(): Promise<void> {
  const entry = await store.getEntry("chain");
  const value = (entry?.value ?? 0) + 1;
  say({ kind: "linking", value });
  const version = answered(await store.compareAndSet("chain", entry?.version ?? null, value));
  if (version !== undefined) say({ kind: "linked", value });
}

/** What is read was put before it, and nothing behind it. */
async function keepOrder(round: number): Promise<void> {
  const key = `order ${id}`;
  const ends: Promise<unknown>[] = [];
  for (let i = 0; i < 4; i++) {
    const value = round * 4 + i;
    ends.push(store.put(key, value));
    const compare = (read: number | undefined) =>
      check(read === value, `${key} is ${read}, not ${value}`);
    ends.push(store.get(key).then(compare));
  }
  await Promise.all(ends);
}

async function deleteOwn(): Promise<void> {
  const key = `gone ${id}`;
  const [, isDeleted, isDeletedAgain, read] = await Promise.all([
    store.put(key, 1),
    store.delete(key),
    store.delete(key),
    store.get(key),
  ]);
  answered(undefined);
  check(isDeleted && !isDeletedAgain, `${key} was deleted ${isDeleted}, ${isDeletedAgain}`);
  check(read === undefined, `${key} is ${read} after its deletion`);
}

let calls = 0;
async function useRegister(round: number): Promise<void> {
  const key = `register ${Math.floor(Date.now() / REGISTER_MS)} ${round % REGISTERS}`;
  const number = ++calls;
  const isRead = (round + id) % 2 === 0;
  const input = isRead ? 0 : number * 4096 + id + 1;
  say({ kind: "called", number, key, input, atMs: Date.now() });
  const output = isRead
    ? await store.get(key) ?? UNWRITTEN
    : await store.put(key, input).then(() => 0);
  say({ kind: "returned", number, output: answered(output), atMs: Date.now() });
}

async function run(): Promise<void> {
  for (let round = 0; isWanted; round++) {
    await Promise.all([
      addToShared(round),
      addToOwn(),
      putUnique(round),
      goOnWithChain(),
      goOnWithSharedChain(),
      keepOrder(round),
      deleteOwn(),
      useRegister(2 * round),
      useRegister(2 * round + 1),
    ]);
  }
}

void (async () => {
  for await (const _ of heard()) isWanted = false;
  isWanted = false;
})();
say({ kind: "open" });
try {
  await run();
  const held = await store.get(`own ${id}`);
  check((held ?? 0) === own, `own number is ${held} instead of ${own}`);
  await store.close();
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  // It does not know what has become of what it was doing.
  const kind = code === "DINOMO_UNAVAILABLE" ? "gone" : "wrong";
  say({ kind, what: `process ${id}: ${code}: ${message}` });
}
say({ kind: "closed" });
process.exit(0);
