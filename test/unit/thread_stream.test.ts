/**
 * Connections between two threads of a process: all bytes come, in their order, and the end behind
 * them; nobody sleeps while there is something to do; and a thread waits in the way that is
 * shorter.
 *
 * @module
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ProcessHold } from "../../lib/platform/runtime.ts";
import { ByteRing, makeByteRing } from "../../lib/wire/byte_ring.ts";
import { makeThreadStream, ThreadStream } from "../../lib/wire/thread_stream.ts";
import { LOOK_MS, WaitChoice } from "../../lib/wire/wait_choice.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { type Random, seeded } from "../support/random.ts";
import { SimStreams } from "../support/sim_streams.ts";
import type { StreamEndOrder } from "../support/workers/stream_end.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const WORKER = new URL(`../support/workers/stream_end.${EXTENSION}`, import.meta.url);
/** Bytes of a ring: fewer than most writes have. */
const CAPACITY = 64;
/** Within this time bytes come from another thread, which has to start first. */
const DATA_MS_MAX = 60_000;
const RUNS = 1000 * Math.max(1, CAMPAIGN_FACTOR);

/** What one side sends: the byte at each place is known. */
class Sender {
  readonly #stream: ThreadStream;
  readonly #salt: number;
  sent = 0;
  /** How many of them have to come, when it has ended the connection. */
  onTheirWay = 0;
  isHeld = false;

  constructor(stream: ThreadStream, salt: number) {
    this.#stream = stream;
    this.#salt = salt;
    stream.on("drain", () => this.isHeld = false);
  }

  next(length: number): Uint8Array {
    const bytes = Uint8Array.from({ length }, (_, i) => byteAt(this.sent + i, this.#salt));
    this.sent += length;
    return bytes;
  }

  send(length: number): void {
    // Until it is told, also if bytes that are written later are taken.
    if (!this.#stream.write(this.next(length))) this.isHeld = true;
  }

  end(length: number): void {
    const bytes = this.next(length);
    this.onTheirWay = this.sent;
    this.#stream.end(bytes);
  }

  destroy(): void {
    this.onTheirWay = this.sent - this.#stream.writableLength;
    this.#stream.destroy();
  }
}

/** What the other side gets of it. */
class Receiver {
  count = 0;
  hasEnded = false;

  constructor(stream: ThreadStream, salt: number) {
    stream.on("data", (bytes: Uint8Array) => {
      assert.not(this.hasEnded, "nothing comes behind the end");
      for (const byte of bytes) assert.is(byte, byteAt(this.count++, salt), `byte ${this.count}`);
    });
    stream.on("close", () => this.hasEnded = true);
  }
}

function byteAt(place: number, salt: number): number {
  return (Math.imul(place + salt, 0x9e3779b1) >>> 24) & 255;
}

interface SimPair {
  readonly sim: SimStreams;
  readonly senders: readonly [Sender, Sender];
  readonly receivers: readonly [Receiver, Receiver];
}

/** Two threads, each of which sends the other one something, in turns of both. */
async function simPair(random: Random, isLossy = false): Promise<SimPair> {
  const sim = new SimStreams(random, {
    isLossy,
    capacity: CAPACITY,
    // Positions wrap around in the middle of it.
    position: random.pick([0, 2 ** 31 - 100, -100]),
    processorCount: random.between(1, 2),
  });
  const [one, other] = sim.streams;
  const senders = [new Sender(one, 1), new Sender(other, 2)] as const;
  const receivers = [new Receiver(one, 2), new Receiver(other, 1)] as const;
  // Both have begun.
  await Promise.resolve();
  for (const side of [0, 1] as const) {
    for (let left = random.below(12); left > 0; left--) {
      const length = random.between(1, random.pick([3, CAPACITY, 4 * CAPACITY]));
      sim.do(side, () => senders[side].send(length));
    }
  }
  return { sim, senders, receivers };
}

test(
  "all bytes come, in their order, wherever one thread interrupts the other one",
  seeded(async (random) => {
    for (let run = 0; run < RUNS; run++) {
      const { sim, senders, receivers } = await simPair(random);
      sim.run();
      for (const side of [0, 1] as const) {
        assert.is(receivers[1 - side]!.count, senders[side].sent, `run ${run}: all have come`);
        assert.is(sim.streams[side].writableLength, 0);
        assert.not(senders[side].isHeld, "who waits to write is told when it may");
      }
    }
  }),
);

test(
  "a message that is lost costs a second, and nothing else",
  seeded(async (random) => {
    for (let run = 0; run < RUNS / 10; run++) {
      const { sim, senders, receivers } = await simPair(random, true);
      sim.run();
      const sent = senders.map((sender) => sender.sent);
      // Each second a ring is read, or filled again.
      const secondsMax = 2 + 2 * (sent[0]! + sent[1]!) / CAPACITY;
      for (let seconds = 0; seconds < secondsMax; seconds++) sim.passSecond();
      assert.equal([receivers[1].count, receivers[0].count], sent, `run ${run}: all have come`);
      assert.not(senders.some(({ isHeld }) => isHeld), "who waits to write is told when it may");
    }
  }),
);

test(
  "the end of a connection comes behind what was on its way",
  seeded(async (random) => {
    for (let run = 0; run < RUNS; run++) {
      const { sim, senders, receivers } = await simPair(random);
      const last = random.below(2) as 0 | 1;
      const ends = random.below(2) === 0;
      sim.do(last, () => {
        if (ends) senders[last].end(random.between(1, CAPACITY));
        else senders[last].destroy();
      });
      sim.run();
      await Promise.resolve();
      const { onTheirWay } = senders[last];
      const { count, hasEnded } = receivers[1 - last]!;
      assert.ok(hasEnded && receivers[last].hasEnded, `run ${run}: both have ended`);
      assert.is(count, onTheirWay, `run ${run}: all that was on its way has come`);
    }
  }),
);

test("a ring takes what it has room for, and gives all that it has", () => {
  const ring = new ByteRing(makeByteRing(8, 2 ** 31 - 3));
  assert.is(ring.write(Uint8Array.of(1, 2, 3, 4, 5)), 5);
  assert.is(ring.length, 5);
  assert.is(ring.write(Uint8Array.of(6, 7, 8, 9)), 3);
  assert.is(ring.room, 0);
  assert.is(ring.write(Uint8Array.of(9)), 0);
  assert.equal(ring.read(), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assert.is(ring.read().length, 0);
});

/** Waits of both kinds; returns how many of the last 100 were by looking. */
function waits(choice: WaitChoice, lookingMs: number, sleepingMs: number, count: number): number {
  let looked = 0;
  for (let i = 0; i < count; i++) {
    const isLooking = choice.next();
    if (i >= count - 100) looked += +isLooking;
    choice.learn(isLooking, isLooking ? lookingMs : sleepingMs);
  }
  return looked;
}

test("a thread waits in the way that is shorter, and notices when that changes", () => {
  const choice = new WaitChoice();
  assert.ok(waits(choice, 0.005, 0.07, 1000) > 95, "a processor for each");
  assert.ok(waits(choice, 0.12, 0.02, 3000) < 5, "less than that");
  assert.ok(waits(choice, 0.005, 0.07, 3000) > 95, "a processor for each again");
  assert.ok(waits(choice, 1, 1, 3000) < 5, "nothing comes soon");
  assert.ok(waits(choice, LOOK_MS * 1.2, 1, 3000) < 5, "nothing comes while it looks");
});

// Connections do not keep the process alive, nor do threads that have ended.
const hold = new ProcessHold();
test.before(() => hold.hold());
test.after(() => hold.end());

/** Waits for bytes, which have to come. */
async function nextData(stream: ThreadStream, receiver: Receiver): Promise<void> {
  try {
    await once(stream, "data", { signal: AbortSignal.timeout(DATA_MS_MAX) });
  } catch (cause) {
    const state = `${receiver.count} bytes have come, ${stream.writableLength} wait to be written`;
    throw new Error(`nothing comes from the other thread within ${DATA_MS_MAX} ms: ${state}`, {
      cause,
    });
  }
}

/** A thread with an end. */
function startEnd(order: Omit<StreamEndOrder, "end">): { stream: ThreadStream; worker: Worker } {
  const [here, there] = makeThreadStream(CAPACITY);
  const workerData: StreamEndOrder = { ...order, end: there };
  const worker = new Worker(WORKER, { workerData, transferList: [there.port] });
  return { stream: new ThreadStream(here), worker };
}

test(
  "bytes go to another thread and come back, through rings of 64 bytes",
  seeded(async (random) => {
    const { stream, worker } = startEnd({ seed: random.below(2 ** 31), endsBy: "nothing" });
    const sender = new Sender(stream, 1);
    const receiver = new Receiver(stream, 1);
    const total = 40_000;
    while (receiver.count < total) {
      while (sender.sent < total && random.below(4) > 0) {
        sender.send(random.between(1, 3 * CAPACITY));
      }
      if (receiver.count < sender.sent) await nextData(stream, receiver);
      if (sender.sent >= total) break;
    }
    while (receiver.count < sender.sent) await nextData(stream, receiver);
    const closed = once(worker, "exit");
    await worker.terminate();
    await closed;
  }),
);

for (const endsBy of ["destroy", "end", "exit", "throw", "terminate"] as const) {
  test(`a connection has ended when the other thread ends it by ${endsBy}`, async () => {
    const { stream, worker } = startEnd({ seed: 0, endsBy });
    worker.on("error", () => {});
    const receiver = new Receiver(stream, 1);
    const ended = once(stream, "close");
    stream.write(new Sender(stream, 1).next(10));
    if (endsBy === "terminate") {
      while (receiver.count < 10) await nextData(stream, receiver);
      void worker.terminate();
    }
    await ended;
    assert.is(receiver.count, 10, "what was written before has come");
    await worker.terminate();
  });
}

test("a connection has ended for the other thread when this one ends it", async () => {
  const { stream, worker } = startEnd({ seed: 0, endsBy: "nothing" });
  const receiver = new Receiver(stream, 1);
  stream.write(new Sender(stream, 1).next(1));
  await nextData(stream, receiver);
  const told = once(worker, "message");
  stream.destroy();
  await once(stream, "close");
  assert.equal(await told, ["closed"]);
  assert.not(stream.write(Uint8Array.of(1)), "nothing is written any more");
  await worker.terminate();
});

test.run();
