/**
 * Reads of many keys are one moment: with a writer that acts between any two accesses of the reader
 * to shared memory, with one that never lets the reader get through, and with threads that write
 * all the time.
 *
 * @module
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { GATE_PAUSE_COUNT, GATE_PAUSED } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { type AbsenceMark, markAbsence, wasAbsent } from "../../lib/store/reads/absence.ts";
import { attach, open, type OpenOptions, type Store, UnavailableError } from "../../mod.ts";
import { assertThrows } from "../support/errors.ts";
import { hookAtomics } from "../support/sim_atomics.ts";
import type { MovingOrder } from "../support/workers/moving_client.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MOVER = new URL(`../support/workers/moving_client.${EXTENSION}`, import.meta.url);
const TINY: OpenOptions<number> = { capacity: "1MiB", segmentBytes: "4KiB", ringBytes: "16KiB" };
/** Accesses in a look at two keys, with room to spare. */
const ACCESSES_MAX = 80;
/** Reads beside threads that write. */
const ROUNDS = 20;

/** Two stores of this thread, of which one writes while the other one reads. */
async function withWriter(
  body: (reader: Store<number>, writer: Store<number>, control: Int32Array) => void,
): Promise<void> {
  const reader = await open<number>({ ...TINY, spin: false });
  const writer = await attach<number>(reader.share());
  try {
    body(reader, writer, Pool.attach(checkHandle(reader.share()).pool).control);
  } finally {
    await writer.close();
    await reader.close();
  }
}

/** Reads keys at one moment while `act` is called at each n-th access, so many times at most. */
function readBeside(
  store: Store<number>,
  keys: readonly string[],
  stride: number,
  timesMax: number,
  act: () => void,
): (number | undefined)[] {
  let [accesses, times, isActing] = [0, 0, false];
  const restore = hookAtomics({
    onAccess: () => {
      if (isActing || times === timesMax || ++accesses % stride !== 0) return;
      [isActing, times] = [true, times + 1];
      act();
      isActing = false;
    },
  });
  try {
    return store.getManySync(keys, { consistent: true });
  } finally {
    restore();
  }
}

test("between any two accesses the writer may move something from one key to another", () =>
  withWriter((reader, writer) => {
    for (let stride = 1; stride <= ACCESSES_MAX; stride++) {
      reader.putManySync([["a", 50], ["b", 50]]);
      const [a, b] = readBeside(reader, ["a", "b"], stride, 3, () => {
        writer.incrementSync("a", -1);
        writer.incrementSync("b", 1);
      });
      assert.ok([99, 100].includes(a! + b!), `at each ${stride}. access: ${a} and ${b}`);
    }
  }));

test("of two keys of which one always exists one is found, however they come and go", () =>
  withWriter((reader, writer) => {
    for (let stride = 1; stride <= ACCESSES_MAX; stride++) {
      for (const timesMax of [1, 2, 3, 4]) {
        let here = "x";
        reader.deleteManySync(["x", "y"]);
        reader.putSync(here, 1);
        const [x, y] = readBeside(reader, ["x", "y"], stride, timesMax, () => {
          const there = here === "x" ? "y" : "x";
          writer.putSync(there, 1);
          writer.deleteSync(here);
          here = there;
        });
        assert.ok(x === 1 || y === 1, `${timesMax} moves, each ${stride}. access: none was found`);
      }
    }
  }));

test("a reader whose keys change all the time pauses the pool", () =>
  withWriter((reader, writer, control) => {
    reader.putManySync([["a", 1], ["b", 1]]);
    let written = 1;
    const before = control[GATE_PAUSE_COUNT];
    const [a, b] = readBeside(reader, ["a", "b"], 7, Infinity, () => {
      if (control[GATE_PAUSED] === 0) writer.putManySync([["a", ++written], ["b", written]]);
    });
    assert.ok(written > 8, "each look was disturbed");
    assert.is(control[GATE_PAUSE_COUNT], before! + 1);
    assert.is(control[GATE_PAUSED], 0, "the pause was given back");
    assert.is(a, b);
    assert.equal([writer.getSync("a"), writer.getSync("b")], [written, written], "all goes on");
  }));

test("a read that is never let through is refused after two seconds", () =>
  withWriter((reader, writer, control) => {
    reader.putSync("a", 1);
    // A KN that does not end its step: no pause begins.
    const gateState = Pool.attach(checkHandle(reader.share()).pool).agentAt(3);
    control[gateState] = 1;
    const read = () =>
      readBeside(reader, ["a"], 7, Infinity, () => {
        if (control[GATE_PAUSED] === 0) writer.putSync("a", 2);
      });
    try {
      assertThrows(read, {
        type: UnavailableError,
        code: "DINOMO_UNAVAILABLE",
        says: /keys of a consistent read must stay as they are.*2000 ms/,
      });
    } finally {
      control[gateState] = 0;
    }
    assert.equal(reader.getManySync(["a"], { consistent: true }), [2]);
  }));

test("a far read whose keys change all the time is refused after two seconds", async () => {
  await using reader = await open<number>({ ...TINY, capacity: "4MiB", placement: "far" });
  await using writer = await attach<number>(reader.share());
  reader.putManySync([["a", 1], ["b", 1]]);
  let written = 1;
  const startMs = performance.now();
  const read = () =>
    readBeside(reader, ["a", "b"], 7, Infinity, () => {
      writer.putManySync([["a", ++written], ["b", written]]);
      // What is read without the option is not refused.
      assert.is(writer.getSync("a"), written);
    });
  assertThrows(read, {
    type: UnavailableError,
    code: "DINOMO_UNAVAILABLE",
    says: /keys of a consistent read must stay as they are.*2000 ms.*nothing was read/,
  });
  assert.ok(performance.now() - startMs >= 2000, "it has tried");
  const both = [written, written];
  assert.equal(reader.getManySync(["a", "b"], { consistent: true }), both, "it gets through then");
  assert.equal(await reader.getMany(["a", "b"], { consistent: true }), both);
});

/** What a key tells of a put whose step is looked at from within. */
test("a key that is put and expires between two looks at its place was not absent", () =>
  withWriter((reader, writer) => {
    const pool = Pool.attach(checkHandle(reader.share()).pool);
    const key = new KeyEncoder(...pool.hashKey);
    const oneSided = new OneSidedReader(pool, Date.now);
    key.encode("x");
    const marks: AbsenceMark[] = [];
    const unchanged = markAbsence(pool, key);
    let isLooking = false;
    const restore = hookAtomics({
      onAccess: () => {
        if (isLooking) return;
        isLooking = true;
        const mark = markAbsence(pool, key);
        if (!oneSided.read(key, false)) marks.push(mark);
        isLooking = false;
      },
    });
    writer.putSync("x", 1, { ttl: 1000 });
    restore();
    assert.ok(reader.hasSync("x"), "it exists for a while");
    assert.ok(marks.length > 10, "the put was looked at while it was made");
    assert.ok(wasAbsent(unchanged, marks[0]!), "nothing had happened yet");
    // A slot's version is not changed by that.
    while (reader.hasSync("x"));
    const after = markAbsence(pool, key);
    assert.equal(marks.map((mark) => wasAbsent(mark, after)), marks.map(() => false));
    assert.ok(wasAbsent(after, markAbsence(pool, key)));
  }));

/** Reads so many times; resolves to how many of them were refused. */
async function readBesideMovers(
  store: Store<number>,
  movers: readonly Worker[],
  keys: readonly string[],
): Promise<number> {
  await Promise.all(movers.map((mover) => once(mover, "message")));
  let refusedCount = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const options = { consistent: true };
    let read: (number | undefined)[];
    try {
      read = round % 2 === 0
        ? await store.getMany(keys, options)
        : store.getEntriesSync(keys, options).map((entry) => entry?.value);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      refusedCount += 1;
      continue;
    }
    const sum = read.reduce((total, value) => total! + value!, 0)!;
    const total = 100 * keys.length;
    const underWay = total - sum;
    assert.ok(underWay >= 0 && underWay <= movers.length, `round ${round}: ${read.join(", ")}`);
  }
  return refusedCount;
}

for (const placement of ["near", "far"] as const) {
  test(`${placement}: what threads move between keys is neither lost nor doubled`, async () => {
    await using store = await open<number>({ ...TINY, placement, nodes: 2, capacity: "4MiB" });
    const keys = Array.from({ length: 6 }, (_, i) => `account ${i}`);
    await store.putMany(keys.map((key) => [key, 100]));
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const workerData: MovingOrder = { handle: store.share(), keys, stop };
    const movers = [1, 2].map(() => new Worker(MOVER, { workerData }));
    const counts = movers.map((mover) =>
      new Promise<number>((resolve, reject) => {
        mover.on("message", (message) => typeof message === "number" && resolve(message));
        mover.on("error", reject);
      })
    );
    try {
      const refusedCount = await readBesideMovers(store, movers, keys);
      // In a far pool, which cannot be read in a pause, a read may never get through.
      assert.ok(refusedCount <= (placement === "near" ? 0 : ROUNDS / 2), `${refusedCount} refused`);
    } finally {
      Atomics.store(stop, 0, 1);
      for (const count of await Promise.all(counts)) {
        assert.ok(count > 0, "a thread has moved some");
      }
    }
    const sum = (await store.getMany(keys)).reduce((total, value) => total! + value!, 0);
    assert.is(sum, 100 * keys.length);
  });
}

test.run();
