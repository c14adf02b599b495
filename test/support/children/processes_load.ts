/**
 * A process that uses a pool together with others, and checks every answer, until it is told to end: see ../processes_chaos.ts.
 *
 * What it is about to do it says before, and what it was told afterwards, as it may be killed at any time. Keys with its own number are
 * changed by it alone, so it knows exactly what each operation has to find.
 *
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { open } from "../../../mod.ts";
import { childArguments, heard } from "../child.ts";
import type { LoadMessage, LoadOptions } from "../processes_chaos.ts";

/** Additions to each number at one time. */
const ADDITIONS = 8;
/** Longer times without an answer are told. */
const GAP_MS_MIN = 50;

const { path, id, sharedCount } = childArguments<LoadOptions>();
// Some of the next hosts have read ahead, and some have not.
const standby = id % 2 === 1 ? { refreshMs: 50 } : false;
const store = await open<number>({ path, processes: true, standby, capacity: "256MiB" });
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
  const key = `shared ${round % sharedCount}`;
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
  const keys = Array.from({ length: 4 }, (_, i) => `unique ${id} ${round} ${i}`);
  await Promise.all(keys.map((key, i) => store.put(key, round * 4 + i).then(answered)));
  say({ kind: "put", round });
  const read = await Promise.all(keys.map((key) => store.get(key)));
  read.forEach((value, i) => check(value === round * 4 + i, `${keys[i]} is ${value}`));
}

let link: { version: number; value: number } | undefined;
async function goOnWithChain(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const value = (link?.value ?? 0) + 1;
    const version = answered(
      await store.compareAndSet(`chain ${id}`, link?.version ?? null, value),
    );
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

/** What is read is what was put before, or what is put behind: where the pool is, reads wait for all of it. */
async function keepOrder(round: number): Promise<void> {
  const key = `order ${id}`;
  const ends: Promise<unknown>[] = [];
  for (let i = 0; i < 4; i++) {
    const value = round * 4 + i;
    ends.push(store.put(key, value));
    const isRight = (read: number | undefined) => read !== undefined && read >= value;
    ends.push(
      store.get(key).then((read) => check(isRight(read), `${key} is ${read}, not ${value}`)),
    );
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

let page: number | null = null;
let pages = 0;
async function commitOwn(): Promise<void> {
  const keys = [`page ${id}`, `leaves ${id}`];
  const commit = store.atomic().check(keys[0]!, page).put(keys[0]!, pages + 1).increment(keys[1]!);
  const made = answered(await commit.commit());
  check(made !== null, `commit ${pages + 1} found what it had not made`);
  if (made === null) return;
  page = made.versions[0]!;
  pages += 1;
  const read = await store.getMany(keys, { consistent: true });
  check(read[0] === pages && read[1] === pages, `commit ${pages} has left ${read}`);
}

/** What one account has more the other one has less, at each moment. */
async function moveBetweenAccounts(): Promise<void> {
  await store.transaction(async (tx) => {
    const [from, to] = [await tx.get("account 1") ?? 0, await tx.get("account 2") ?? 0];
    check(from === -to, `the accounts have ${from} and ${to}`);
    tx.put("account 1", from - 1);
    tx.put("account 2", to + 1);
  });
  answered(undefined);
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
      commitOwn(),
      moveBetweenAccounts(),
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
  say({ kind: "wrong", what: `process ${id}: ${code}: ${message}` });
}
say({ kind: "closed" });
process.exit(0);
