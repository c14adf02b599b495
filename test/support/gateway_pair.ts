/**
 * A client as in another process and the session that executes its requests, with a stream of bytes
 * between them that is cut into pieces of random lengths, and may be congested.
 *
 * @module
 */
import { type Completion, errorOf, versionOf } from "../../lib/client/completions.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import type { DinomoError } from "../../lib/core/errors.ts";
import type { Key } from "../../lib/core/key_encoder.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { runNextTurn } from "../../lib/platform/runtime.ts";
import { ReadCompletion } from "../../lib/far/client/routed_reads.ts";
import { GatewaySession } from "../../lib/gateway/gateway_session.ts";
import { answerFrameBytesMax, requestFrameBytesMax } from "../../lib/gateway/request_frames.ts";
import { makeRemoteClient, type RemoteClient } from "../../lib/gateway/remote_client.ts";
import { DerivationWords } from "../../lib/rings/derivation_words.ts";
import type { ReadValue } from "../../lib/rings/response_ring.ts";
import { Condition, Operation } from "../../lib/rings/ring_layout.ts";
import { FrameReader } from "../../lib/wire/frame.ts";
import type { StoreHandle } from "../../lib/store/parts/handle.ts";
import { attachClient, type AttachedClient } from "./attached_client.ts";
import type { Random } from "./random.ts";

/** How an operation has ended. */
export interface Ended {
  readonly status: number;
  /** By the operation; undefined if nothing was changed. */
  readonly version: number | undefined;
  readonly left: DerivationWords;
}

/** Bytes on their way, one direction. */
class Pipe {
  readonly #random: Random;
  readonly #deliver: (bytes: Uint8Array) => void;
  readonly #onEmpty: () => void;
  #bytes: Uint8Array[] = [];

  constructor(random: Random, deliver: (bytes: Uint8Array) => void, onEmpty: () => void) {
    this.#random = random;
    this.#deliver = deliver;
    this.#onEmpty = onEmpty;
  }

  write(bytes: Uint8Array): boolean {
    this.#bytes.push(bytes);
    if (this.#bytes.length === 1) runNextTurn(this.#run);
    return this.#random.below(2) === 0;
  }

  readonly #run = (): void => {
    const bytes = this.#bytes.shift()!;
    for (let from = 0; from < bytes.length;) {
      const to = Math.min(bytes.length, from + this.#random.between(1, 2 * bytes.length));
      this.#deliver(bytes.slice(from, to));
      from = to;
    }
    if (this.#bytes.length > 0) runNextTurn(this.#run);
    else this.#onEmpty();
  };
}

/** The two ends, and operations of the first one. */
export class GatewayPair {
  readonly client: RemoteClient;
  session: GatewaySession;
  readonly host: AttachedClient;
  readonly #keys: KeyEncoder;

  /** Connects to a store. */
  static async connect(handle: StoreHandle<Uint8Array, Key>, random: Random): Promise<GatewayPair> {
    return new GatewayPair(await attachClient(handle), random);
  }

  private constructor(host: AttachedClient, random: Random) {
    this.host = host;
    const { hashKey, geometry: { segmentBytes } } = host.pool;
    this.#keys = new KeyEncoder(...hashKey);
    this.client = makeRemoteClient({ segmentBytes });
    this.session = this.#link(random);
  }

  /** Connects again, to another session. */
  async connectAgain(random: Random): Promise<void> {
    await this.session.close();
    this.session = this.#link(random);
  }

  #link(random: Random): GatewaySession {
    const { pool, client, reader } = this.host;
    const { hashKey, geometry: { segmentBytes } } = pool;
    const answerFrames = new FrameReader(answerFrameBytesMax(segmentBytes));
    const answers = new Pipe(
      random,
      (bytes) => {
        for (const { body } of answerFrames.read(bytes)) this.client.carrier.receive(body);
      },
      () => session.drain(),
    );
    const requestFrames = new FrameReader(requestFrameBytesMax(segmentBytes));
    const requests = new Pipe(random, (bytes) => {
      for (const { body } of requestFrames.read(bytes)) session.receive(body);
    }, () => {});
    const session = new GatewaySession({
      hashKey,
      keyTypes: KEY_TYPE_NUMBERS.mixed,
      client,
      reader,
      onConfirmed: () => {},
      write: (bytes) => answers.write(bytes),
    });
    this.client.carrier.connect({ session: 1, write: (bytes) => requests.write(bytes) });
    return session;
  }

  put(
    key: Key,
    bytes: Uint8Array,
    expiresAtMs = Infinity,
    condition = 0,
    version = 0,
  ): Promise<Ended> {
    this.#keys.encode(key);
    const value = { bytes, start: 0, end: bytes.length };
    return ended((completion) =>
      this.client.put(this.#keys, value, expiresAtMs, condition, version, completion)
    );
  }

  delete(key: Key): Promise<Ended> {
    this.#keys.encode(key);
    return ended((completion) => this.client.delete(this.#keys, completion));
  }

  derive(operation: number, key: Key, asked: DerivationWords): Promise<Ended> {
    this.#keys.encode(key);
    return ended((completion) =>
      this.client.derive(operation, this.#keys, asked, completion, false)
    );
  }

  /** Resolves to what the key holds. */
  get(key: Key): Promise<ReadValue | undefined> {
    this.#keys.encode(key);
    return new Promise((resolve, reject) => {
      const completion = new ReadCompletion(this.client.carrier, ({ value, error }) => {
        if (error === undefined) resolve(value);
        else reject(error);
      });
      this.client.get(this.#keys, true, completion);
    });
  }

  async close(): Promise<void> {
    await this.client.whenIdle();
    this.client.close();
    await this.session.close();
    await this.host.close();
  }
}

/** A client whose frames are given to a function. */
export function makeConnected(
  segmentBytes: number,
  write: (bytes: Uint8Array) => void,
): RemoteClient {
  const client = makeRemoteClient({ segmentBytes });
  client.carrier.connect({ session: 1, write });
  return client;
}

/** Adds to a number in the form of MessagePack. */
export function addition(addend: number): DerivationWords {
  const asked = new DerivationWords();
  asked.askToAdd(1, addend, -Infinity, Infinity, -1, Infinity);
  return asked;
}

export { Condition, Operation };

function ended(issue: (completion: Completion) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    issue({
      settle: (status, detail, low, high, words, requestAt) => {
        const error = errorOf(status, detail);
        if (error !== undefined) return reject(error);
        const left = new DerivationWords();
        const isWhole = words.length >= requestAt + 6 + 8 + 16;
        if (isWhole) left.read(words, requestAt + 6);
        resolve({ status, version: versionOf(status, low, high), left });
      },
      fail: (error: DinomoError) => reject(error),
    });
  });
}
