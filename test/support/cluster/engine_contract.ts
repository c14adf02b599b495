/**
 * What every log engine has to do, as one suite for all of them.
 *
 * @module
 */
import type { Test } from "uvu";
import * as assert from "uvu/assert";
import type {
  AppendOutcome,
  Expectation,
  LogEngine,
  LogMessage,
  ReadOutcome,
  StreamExtent,
} from "../../../lib/cluster/engine/log_engine.ts";

/** An engine that is tried. */
export interface TriedEngine {
  readonly engine: LogEngine;
  /** Another connection to the same. */
  readonly other: LogEngine;
  /** Waits for an answer, in whatever time the engine lives. */
  settle<T>(answer: Promise<T>): Promise<T>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An engine with promises instead of callbacks. */
class Asked {
  /** Streams, appends and reads of which it was not known what became of them. */
  static unknownCount = 0;
  readonly engine: LogEngine;
  readonly #settle: TriedEngine["settle"];

  constructor(engine: LogEngine, settle: TriedEngine["settle"]) {
    this.engine = engine;
    this.#settle = settle;
  }

  async create(stream: string): Promise<boolean> {
    const isThere = await this.#settle<boolean>(
      new Promise((resolve) => this.engine.createStream(stream, resolve)),
    );
    if (!isThere) Asked.unknownCount += 1;
    return isThere;
  }

  async append(
    stream: string,
    subject: string,
    text: string,
    expectation?: Expectation,
  ): Promise<AppendOutcome> {
    const body = encoder.encode(text);
    const outcome = await this.#settle<AppendOutcome>(
      new Promise((resolve) => this.engine.append(stream, subject, body, expectation, resolve)),
    );
    if (outcome.status === "unknown") Asked.unknownCount += 1;
    return outcome;
  }

  get(stream: string, sequence: number): Promise<ReadOutcome> {
    return this.#read((done) => this.engine.get(stream, sequence, done));
  }

  last(stream: string, subject: string): Promise<ReadOutcome> {
    return this.#read((done) => this.engine.last(stream, subject, done));
  }

  purge(stream: string, upTo: number): Promise<boolean> {
    return this.#settle(new Promise((resolve) => this.engine.purge(stream, upTo, resolve)));
  }

  extent(stream: string): Promise<StreamExtent | undefined> {
    return this.#settle(new Promise((resolve) => this.engine.extent(stream, resolve)));
  }

  async #read(begin: (done: (outcome: ReadOutcome) => void) => void): Promise<ReadOutcome> {
    const outcome = await this.#settle(new Promise(begin));
    if (outcome.status === "unknown") Asked.unknownCount += 1;
    return outcome;
  }

  /** The messages from a sequence on, up to so many. */
  follow(stream: string, from: number, count: number): Promise<LogMessage[]> {
    const messages: LogMessage[] = [];
    return this.#settle(
      new Promise((resolve) => {
        const following = this.engine.follow(stream, from, (message) => {
          messages.push(message);
          if (messages.length < count) return;
          following.stop();
          resolve(messages);
        });
      }),
    );
  }
}

/** How often a test is tried in which an engine has said that it does not know. */
const TRIES_MAX = 3;

/**
 * Defines the tests of an engine.
 *
 * @param define defines one
 */
export function defineEngineContract(
  define: Test,
  name: string,
  open: () => TriedEngine,
): void {
  let streams = 0;
  // Servers that have just come together may not know what became of a message; a test that was
  // right nevertheless is not tried again.
  const test = (what: string, body: () => Promise<void>) =>
    define(what, async () => {
      for (let tries = 1;; tries++) {
        Asked.unknownCount = 0;
        try {
          return await body();
        } catch (error) {
          if (Asked.unknownCount === 0 || tries === TRIES_MAX) throw error;
        }
      }
    });
  const fresh = async () => {
    const { engine, other, settle } = open();
    const asked = new Asked(engine, settle);
    const stream = `tried-${streams++}`;
    assert.is(await asked.create(stream), true);
    return { asked, stream, other: new Asked(other, settle) };
  };

  test(`${name}: messages are numbered from 1, and come back as they were`, async () => {
    const { asked, stream, other } = await fresh();
    assert.equal(await asked.append(stream, "a", "one"), { status: "stored", sequence: 1 });
    assert.equal(await asked.append(stream, "b.c", "two"), { status: "stored", sequence: 2 });
    const found = await other.get(stream, 2);
    assert.is(found.status, "found");
    if (found.status !== "found") return;
    const { sequence, subject, body } = found.message;
    assert.equal([sequence, subject, decoder.decode(body)], [2, "b.c", "two"]);
    assert.equal(await other.get(stream, 3), { status: "absent" });
  });

  test(`${name}: a stream that is there is not made again`, async () => {
    const { asked, stream, other } = await fresh();
    await asked.append(stream, "a", "one");
    assert.is(await other.create(stream), true);
    assert.is((await other.get(stream, 1)).status, "found");
  });

  test(`${name}: the last message of a subject is found`, async () => {
    const { asked, stream } = await fresh();
    assert.equal(await asked.last(stream, "a"), { status: "absent" });
    for (const [subject, text] of [["a", "one"], ["b", "two"], ["a", "three"], ["b", "four"]]) {
      await asked.append(stream, subject!, text!);
    }
    const found = await asked.last(stream, "a");
    assert.is(found.status === "found" && found.message.sequence, 3);
  });

  test(`${name}: a condition that is not met keeps a message away`, async () => {
    const { asked, stream, other } = await fresh();
    const expecting = (sequence: number) => ({ subject: "map", sequence });
    assert.is((await asked.append(stream, "map", "one", expecting(0))).status, "stored");
    assert.equal(await other.append(stream, "map", "no", expecting(0)), { status: "refused" });
    assert.is((await asked.append(stream, "other", "two")).status, "stored");
    assert.is((await asked.append(stream, "map", "three", expecting(1))).status, "stored");
    assert.equal(await other.append(stream, "map", "no", expecting(1)), { status: "refused" });
    assert.equal(await other.get(stream, 4), { status: "absent" });
  });

  test(`${name}: a condition may be about another subject`, async () => {
    const { asked, stream } = await fresh();
    await asked.append(stream, "own", "first");
    const own = { subject: "own", sequence: 1 };
    assert.is((await asked.append(stream, "records", "a", own)).status, "stored");
    assert.is((await asked.append(stream, "own", "second")).status, "stored");
    assert.equal(await asked.append(stream, "records", "b", own), { status: "refused" });
  });

  test(`${name}: a stream is followed from any message, also before it is written`, async () => {
    const { asked, stream, other } = await fresh();
    for (let i = 1; i <= 5; i++) await asked.append(stream, "a", `old ${i}`);
    const following = other.follow(stream, 3, 300);
    for (let i = 6; i <= 302; i++) asked.engine.append(stream, "b", bodyOf(i), undefined, () => {});
    const messages = await following;
    assert.equal(
      messages.map(({ sequence }) => sequence),
      Array.from({ length: 300 }, (_, i) => i + 3),
    );
    assert.is(decoder.decode(messages[0]!.body), "old 3");
    assert.equal([messages[0]!.subject, messages.at(-1)!.subject], ["a", "b"]);
  });

  test(`${name}: what is purged is gone, and numbers go on`, async () => {
    const { asked, stream, other } = await fresh();
    const ends = async () => {
      const { first, last } = (await asked.extent(stream))!;
      return [first, last];
    };
    assert.equal(await ends(), [1, 0]);
    for (let i = 1; i <= 5; i++) await asked.append(stream, "a", `text ${i}`);
    assert.equal(await ends(), [1, 5]);
    const { bytes } = (await asked.extent(stream))!;
    assert.is(await other.purge(stream, 3), true);
    assert.equal(await ends(), [4, 5]);
    assert.ok((await asked.extent(stream))!.bytes < bytes);
    assert.equal(await other.get(stream, 3), { status: "absent" });
    assert.is((await other.get(stream, 4)).status, "found");
    assert.is(await asked.purge(stream, 2), true, "once more, and less");
    const followed = await other.follow(stream, 2, 2);
    assert.equal(followed.map(({ sequence }) => sequence), [4, 5], "those that are left");
    assert.is(await asked.purge(stream, 5), true);
    assert.equal(await asked.append(stream, "a", "six"), { status: "stored", sequence: 6 });
    assert.equal(await ends(), [6, 6]);
  });

  test(`${name}: what is not there is told, and no stream is made of it`, async () => {
    const { asked } = await fresh();
    const { status } = await asked.append("nowhere", "a", "one");
    assert.is(status, "unknown");
  });
}

function bodyOf(number: number): Uint8Array {
  return encoder.encode(`new ${number}`);
}
