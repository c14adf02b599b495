/**
 * A client whose requests another thread's session executes: what it is told, in which order, and
 * what is bounded.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, PoolFullError, UnavailableError } from "../../mod.ts";
import type { Client } from "../../lib/client/client.ts";
import type { Completion } from "../../lib/client/completions.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { StoreClosedError } from "../../lib/core/errors.ts";
import { REMOTE_REQUESTS_MAX, SLOT_SHIFT } from "../../lib/core/limits.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { nextTurn } from "../../lib/platform/runtime.ts";
import { decodeError, encodeError } from "../../lib/gateway/carried_errors.ts";
import { GatewaySession, TURN_REQUESTS_MAX } from "../../lib/gateway/gateway_session.ts";
import { makeRemoteClient } from "../../lib/gateway/remote_client.ts";
import { decodeAnswers, decodeRequests, encodeRequests } from "../../lib/gateway/request_frames.ts";
import { DerivationWords } from "../../lib/rings/derivation_words.ts";
import { RECORD_REQUEST_POSITION } from "../../lib/log/record_layout.ts";
import { Condition, Operation, REQUEST_RECORD, Status } from "../../lib/rings/ring_layout.ts";
import { FrameError, WIRE_HEADER_BYTES } from "../../lib/wire/frame.ts";
import { attachClient } from "../support/attached_client.ts";
import { addition, GatewayPair, makeConnected } from "../support/gateway_pair.ts";
import { CAMPAIGN_FACTOR } from "../support/campaign.ts";
import { type Random, seeded } from "../support/random.ts";

const OPTIONS = { capacity: "16MiB", codec: "binary" } as const;
const KEYS = ["a", "b", "user:é", "d"];
const OPERATIONS = 2000 * Math.max(1, CAMPAIGN_FACTOR);
const PIPELINED_MAX = 40;
/**
 * Longer than what fits the ring of an attached thread, and than what a connection may have on its
 * way.
 */
const LARGE_BYTES = 1_500_000;

/** Of the frame, for each answer with a value of 8 bytes. */
const ANSWER_BYTES = 40;
/** Ends what nobody answers. */
const OVER = new StoreClosedError("the test is over");

/** What a key should hold. */
interface Held {
  readonly bytes: Uint8Array;
  readonly expiresAtMs: number;
}

/** Issues random operations, and checks each result against what the order of their issue says. */
async function checkAgainstModel(pair: GatewayPair, random: Random): Promise<void> {
  const model = new Map<string, Held>();
  const versions = new Map<string, number>();
  let pending: Promise<void>[] = [];
  const expectThat = (ended: Promise<void>) => void pending.push(ended);
  for (let i = 0; i < OPERATIONS; i++) {
    const key = random.pick(KEYS);
    const held = model.get(key);
    const bytes = random.bytes(random.below(20) === 0 ? random.below(40_000) : random.below(200));
    const expiresAtMs = random.below(4) === 0 ? 2 ** 41 + i : Infinity;
    const kind = random.below(6);
    const note = (version: number | undefined) => {
      if (version === undefined) return;
      assert.ok(version > (versions.get(key) ?? 0), `I9: ${key}`);
      versions.set(key, version);
    };
    if (kind <= 1) {
      const condition = kind === 0 ? Condition.NONE : Condition.ABSENT;
      const isMet = kind === 0 || held === undefined;
      if (isMet) model.set(key, { bytes, expiresAtMs });
      expectThat(
        pair.put(key, bytes, expiresAtMs, condition).then(({ status, version }) => {
          assert.is(status, isMet ? Status.OK : Status.UNMET);
          note(version);
        }),
      );
    } else if (kind === 2) {
      model.delete(key);
      expectThat(
        pair.delete(key).then(({ status, version }) => {
          assert.is(status, held === undefined ? Status.UNMET : Status.OK);
          note(version);
        }),
      );
    } else if (kind === 3) {
      const asked = new DerivationWords();
      asked.askToTouch(expiresAtMs);
      if (held !== undefined) model.set(key, { ...held, expiresAtMs });
      expectThat(
        pair.derive(Operation.TOUCH, key, asked).then(({ status, version }) => {
          assert.is(status, held === undefined ? Status.UNMET : Status.OK);
          note(version);
        }),
      );
    } else {
      expectThat(
        pair.get(key).then((read) => {
          assert.is(read === undefined, held === undefined, key);
          if (held === undefined) return;
          assert.equal(read!.bytes, held.bytes);
          assert.is(read!.expiresAtMs, held.expiresAtMs);
          assert.ok(read!.version >= (versions.get(key) ?? 0), "I4");
        }),
      );
    }
    if (pending.length < random.below(PIPELINED_MAX)) continue;
    await Promise.all(pending);
    pending = [];
  }
  await Promise.all(pending);
  assert.is(pair.client.pendingCount, 0);
}

test(
  "operations end as in the order of their issue, however the bytes come",
  seeded(async (random) => {
    await using store = await open<Uint8Array>(OPTIONS);
    const pair = await GatewayPair.connect(store.share(), random);
    await checkAgainstModel(pair, random);
    await pair.close();
  }),
);

test(
  "numbers are added to once for each request, and the number before comes back",
  seeded(async (random) => {
    await using store = await open<Uint8Array>(OPTIONS);
    const pair = await GatewayPair.connect(store.share(), random);
    const results = await Promise.all(
      Array.from({ length: 500 }, () => pair.derive(Operation.ADD, "n", addition(2))),
    );
    assert.equal(results.map(({ left }) => left.before), results.map((_, i) => 2 * i));
    await pair.put("no number", Uint8Array.of(0xc0));
    const refused = await pair.derive(Operation.ADD, "no number", addition(1));
    assert.is(refused.status, Status.NOT_A_NUMBER);
    assert.ok(Number.isNaN(refused.left.before));
    await pair.close();
  }),
);

test(
  "values that fit no ring come whole",
  seeded(async (random) => {
    await using store = await open<Uint8Array>({
      ...OPTIONS,
      capacity: "128MiB",
      segmentBytes: "8MiB",
    });
    const pair = await GatewayPair.connect(store.share(), random);
    const values = Array.from({ length: 5 }, () => random.bytes(LARGE_BYTES));
    const keys = values.map((_, i) => `large ${i}`);
    const puts = keys.map((key, i) => pair.put(key, values[i]!));
    const early = await Promise.all(keys.map((key) => pair.get(key)));
    early.forEach((read, i) => assert.equal(read?.bytes, values[i]));
    for (const { status } of await Promise.all(puts)) assert.is(status, Status.OK);
    for (const [i, key] of keys.entries()) assert.equal(store.getSync(key), values[i]);
    await pair.close();
  }),
);

test(
  "a clear of a slot clears it",
  seeded(async (random) => {
    await using store = await open<Uint8Array>(OPTIONS);
    const pair = await GatewayPair.connect(store.share(), random);
    await store.put("a", Uint8Array.of(1));
    const keys = new KeyEncoder(...pair.host.pool.hashKey);
    const slot = (keys.encode("a") >>> SLOT_SHIFT) as Slot;
    let status = -1;
    pair.client.clearSlot(slot, { settle: (ended) => void (status = ended), fail: () => {} });
    assert.is(await pair.get("a"), undefined);
    assert.is(status, Status.OK);
    await pair.close();
  }),
);

test(
  "a pool that is full refuses as in its own process",
  seeded(async (random) => {
    await using store = await open<Uint8Array>({
      ...OPTIONS,
      capacity: "2MiB",
      segmentBytes: "64KiB",
    });
    const pair = await GatewayPair.connect(store.share(), random);
    const puts = Array.from({ length: 400 }, (_, i) => pair.put(`${i}`, new Uint8Array(10_000)));
    const ends = await Promise.allSettled(puts);
    const errors = ends.flatMap((end) => end.status === "rejected" ? [end.reason] : []);
    assert.ok(errors.length > 0);
    for (const error of errors) assert.instance(error, PoolFullError);
    await pair.close();
  }),
);

test(
  "what waits when a connection ends has an outcome that is not known",
  seeded(async (random) => {
    await using store = await open<Uint8Array>(OPTIONS);
    const pair = await GatewayPair.connect(store.share(), random);
    await pair.put("a", Uint8Array.of(1));
    const sent = pair.put("a", Uint8Array.of(2));
    pair.client.flush();
    const unsent = pair.put("b", Uint8Array.of(2));
    pair.client.failAll(new StoreClosedError("the store must be open"));
    const later = pair.put("c", Uint8Array.of(2));
    const errors = await Promise.all(
      [sent, unsent, later].map((end) => end.catch((error) => error)),
    );
    assert.instance(errors[0], UnavailableError);
    assert.match(errors[0].message, "may or may not have been made");
    assert.instance(errors[1], StoreClosedError);
    assert.instance(errors[2], StoreClosedError);
    assert.is(pair.client.pendingCount, 0);
    await pair.close();
  }),
);

test(
  "what comes after the end of a session is not executed",
  seeded(async (random) => {
    await using store = await open<Uint8Array>(OPTIONS);
    const pair = await GatewayPair.connect(store.share(), random);
    await pair.put("a", Uint8Array.of(1));
    await pair.session.close();
    void pair.put("a", Uint8Array.of(2)).catch(() => {});
    pair.client.flush();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(store.getSync("a"), Uint8Array.of(1));
    pair.client.failAll(new StoreClosedError("the store must be open"));
    await pair.host.close();
  }),
);

test("a call that would block without a way to do so is refused", () => {
  const client = makeConnected(4096, () => {});
  let isSettled = false;
  client.clearSlot(0 as Slot, { settle: () => void (isSettled = true), fail: () => {} });
  assert.throws(() => client.settleAll(), (error: unknown) => error instanceof UnavailableError);
  assert.is(isSettled, false);
  client.failAll(OVER);
});

test(
  "more requests than may wait are held, and end when others have",
  seeded(async (random) => {
    await using store = await open<Uint8Array>(OPTIONS);
    const pair = await GatewayPair.connect(store.share(), random);
    const puts = Array.from(
      { length: REMOTE_REQUESTS_MAX + 1000 },
      (_, i) => pair.put(`${i % 3000}`, Uint8Array.of(i)),
    );
    assert.ok(pair.client.isCrowded);
    await Promise.all([...puts, pair.client.whenRoom()]);
    assert.is(store.count, 3000);
    await pair.close();
  }),
);

test(
  "what was not sent when a connection ends is sent by the next one",
  seeded(async (random) => {
    await using store = await open<Uint8Array>(OPTIONS);
    const pair = await GatewayPair.connect(store.share(), random);
    await pair.put("a", Uint8Array.of(1));
    const ends = ["b", "c", "b"].map((key, i) => pair.put(key, Uint8Array.of(i)));
    pair.client.carrier.disconnect();
    ends.push(pair.put("b", Uint8Array.of(3)));
    await pair.connectAgain(random);
    for (const { status } of await Promise.all(ends)) assert.is(status, Status.OK);
    assert.equal(store.getSync("b"), Uint8Array.of(3));
    assert.equal(store.getSync("c"), Uint8Array.of(1));
    await pair.close();
  }),
);

test("what waits for a connection is bounded, and sent when there is one", async () => {
  const client = makeRemoteClient({ segmentBytes: 2 ** 20 });
  const keys = new KeyEncoder(1, 2);
  const value = { bytes: new Uint8Array(500_000), start: 0, end: 500_000 };
  const errors: unknown[] = [];
  for (let i = 0; i < 50; i++) {
    keys.encode(`${i % 7}`);
    client.put(keys, value, Infinity, 0, 0, {
      settle: () => {},
      fail: (error) => void errors.push(error),
    });
  }
  assert.ok(errors.length > 10 && errors.length < 25, `${errors.length} are refused`);
  for (const error of errors) assert.instance(error, UnavailableError);
  let sentBytes = 0;
  client.carrier.connect({ session: 1, write: (bytes) => void (sentBytes += bytes.length) });
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(sentBytes > 500_000, `${sentBytes} bytes are sent`);
  client.failAll(OVER);
});

test("no more requests are on their way than may be", () => {
  const frames: Uint8Array[] = [];
  const client = makeConnected(4096, (bytes) => void frames.push(bytes));
  const keys = new KeyEncoder(1, 2);
  for (let i = 0; i < 2 * REMOTE_REQUESTS_MAX; i++) {
    keys.encode(`${i}`);
    client.get(keys, true, { settle: () => {}, fail: () => {} });
  }
  client.flush();
  let count = 0;
  for (const frame of frames) {
    const body = frame.slice(WIRE_HEADER_BYTES);
    count += decodeRequests(body, count + 1, rulesOf([1, 2])).requests.length;
  }
  assert.is(count, REMOTE_REQUESTS_MAX);
  client.failAll(OVER);
});

test(
  "another side that sends more than it may is refused, and nothing grows",
  seeded(async () => {
    await using store = await open<Uint8Array>(OPTIONS);
    const host = await attachClient(store.share());
    const { hashKey, geometry: { segmentBytes } } = host.pool;
    let answeredBytes = 0;
    const session = new GatewaySession({
      hashKey,
      keyTypes: KEY_TYPE_NUMBERS.mixed,
      client: host.client,
      reader: host.reader,
      onConfirmed: () => {},
      // It takes the first frame of answers, and then nothing.
      write: (bytes) => {
        answeredBytes += bytes.length;
        return false;
      },
    });
    await store.put("large", new Uint8Array(100_000));
    const frames: Uint8Array[] = [];
    const client = makeConnected(segmentBytes, (bytes) => void frames.push(bytes));
    const keys = new KeyEncoder(...hashKey);
    keys.encode("large");
    const get = () => client.get(keys, true, { settle: () => {}, fail: () => {} });
    for (let i = 0; i < REMOTE_REQUESTS_MAX; i++) get();
    client.flush();
    for (const frame of frames) session.receive(frame.slice(WIRE_HEADER_BYTES));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(answeredBytes < 3_000_000, `${answeredBytes} bytes of answers`);
    // As many again, of a client that does not wait for answers.
    const [again] =
      decodeRequests(frames[1]!.slice(WIRE_HEADER_BYTES), 1, rulesOf(hashKey)).requests;
    const more = Array.from({ length: REMOTE_REQUESTS_MAX }, (_, i) => {
      const words = again!.slice();
      words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = REMOTE_REQUESTS_MAX + 1 + i;
      return words;
    });
    assert.throws(
      () => session.receive(encodeRequests(more, 0).slice(WIRE_HEADER_BYTES)),
      /must wait for answers/,
    );
    client.failAll(OVER);
    await session.close();
    await host.close();
  }),
);

test(
  "a process that asks for thousands at a time delays one that asks for one by few",
  async () => {
    const host = await open<Uint8Array>(OPTIONS);
    const thread = await attachClient(host.share());
    const { pool, client, reader } = thread;
    const { hashKey } = pool;
    await host.put("a", new Uint8Array(8));
    /** Whose answers were written, each with how many bytes. */
    const written: [name: string, bytes: number][] = [];
    const sessionOf = (name: string) => {
      const write = (bytes: Uint8Array) => {
        written.push([name, bytes.length]);
        return true;
      };
      return new GatewaySession({
        ...rulesOf(hashKey),
        client,
        reader,
        write,
        onConfirmed: () => {},
      });
    };
    const bodyOf = (count: number) => {
      const frames: Uint8Array[] = [];
      const remote = makeConnected(4096, (bytes) => void frames.push(bytes));
      const keys = new KeyEncoder(...hashKey);
      keys.encode("a");
      const get = () => remote.get(keys, true, { settle: () => {}, fail: () => {} });
      for (let i = 0; i < count; i++) get();
      remote.flush();
      remote.failAll(OVER);
      return frames.map((frame) => frame.slice(WIRE_HEADER_BYTES));
    };
    const heavy = sessionOf("heavy");
    const light = sessionOf("light");
    for (const body of bodyOf(REMOTE_REQUESTS_MAX)) heavy.receive(body);
    for (const body of bodyOf(1)) light.receive(body);
    const answered = () => {
      const own = written.filter(([name]) => name === "heavy");
      return own.reduce((sum, [, bytes]) => sum + bytes - WIRE_HEADER_BYTES, 0) / ANSWER_BYTES;
    };
    while (!written.some(([name]) => name === "light")) await nextTurn();
    assert.ok(answered() <= 2 * TURN_REQUESTS_MAX, `${answered()} answers`);
    // And nothing of it is left.
    while (answered() < REMOTE_REQUESTS_MAX) await nextTurn();
    assert.is(answered(), REMOTE_REQUESTS_MAX);
    await heavy.close();
    await light.close();
    await thread.close();
    await host.close();
  },
);

test("puts that wait for room in one turn are answered by one frame", async () => {
  const ROOM = 3;
  const COUNT = 20;
  const frames: Uint8Array[] = [];
  const remote = makeConnected(4096, (bytes) => void frames.push(bytes));
  const keys = new KeyEncoder(1, 2);
  for (let i = 0; i < COUNT; i++) {
    keys.encode(`${i}`);
    const value = { bytes: new Uint8Array(8), start: 0, end: 8 };
    remote.put(keys, value, Infinity, 0, 0, { settle: () => {}, fail: () => {} });
  }
  remote.flush();
  remote.failAll(OVER);
  /** What the session has issued; the host answers when it is asked for room, if it does. */
  const issued: Completion[] = [];
  let answers = true;
  const answerAll = () => {
    for (const { settle } of issued.splice(0)) settle(Status.OK, 0, 1, 0, new Int32Array(8), 0);
  };
  const client = {
    forward: (_words: Int32Array, completion: Completion) => void issued.push(completion),
    get isCrowded() {
      return issued.length >= ROOM;
    },
    whenRoom: async () => {
      await Promise.resolve();
      if (!answers) await new Promise(() => {});
      answerAll();
    },
  } as unknown as Client;
  const counts: number[] = [];
  const session = new GatewaySession({
    ...rulesOf([1, 2]),
    client,
    reader: undefined as never,
    onConfirmed: () => {},
    write: (bytes) => {
      counts.push(decodeAnswers(bytes.slice(WIRE_HEADER_BYTES)).length);
      return true;
    },
  });
  for (const frame of frames) session.receive(frame.slice(WIRE_HEADER_BYTES));
  await nextTurn();
  answerAll();
  await nextTurn();
  assert.is(counts.reduce((sum, count) => sum + count, 0), COUNT);
  assert.ok(counts.length <= 2, `${counts.length} frames`);
  // Where there is no room for long, what was answered is told in the next turn.
  answers = false;
  counts.length = 0;
  const body = frames.at(-1)!.slice(WIRE_HEADER_BYTES);
  const again = decodeRequests(body, 1, rulesOf([1, 2])).requests;
  for (const [i, words] of again.entries()) {
    words[REQUEST_RECORD + RECORD_REQUEST_POSITION] = COUNT + 1 + i;
  }
  session.receive(encodeRequests(again, COUNT).slice(WIRE_HEADER_BYTES));
  answerAll();
  await nextTurn();
  await nextTurn();
  assert.equal(counts, [ROOM]);
});

test("errors keep their class, code and message", () => {
  for (const error of [new PoolFullError("full: é"), new StoreClosedError("a b  c")]) {
    const carried = decodeError(encodeError(error));
    assert.is(carried.constructor, error.constructor);
    assert.is(carried.code, error.code);
    assert.is(carried.message, error.message);
  }
  assert.throws(() => decodeError(new TextEncoder().encode("DINOMO_NEVER no")), FrameErrorOf);
  assert.throws(() => decodeError(new Uint8Array(0)), FrameErrorOf);
});

function rulesOf(hashKey: readonly [number, number]) {
  return { hashKey, keyTypes: KEY_TYPE_NUMBERS.mixed };
}

const FrameErrorOf = (error: unknown) => error instanceof FrameError;

test.run();
