/**
 * A client in another process, of which it is told what it sends, and whose answers stay on their
 * way until they are to come.
 *
 * @module
 */

import { UnavailableError } from "../../lib/core/errors.ts";
import { KEY_TYPE_NUMBERS } from "../../lib/core/key_types.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { outcomeOf } from "../../lib/gateway/session_evidence.ts";
import { makeRemoteClient } from "../../lib/gateway/remote_client.ts";
import type { SessionVerdicts } from "../../lib/gateway/session_verdicts.ts";
import { draftOfKey, draftPut } from "../../lib/client/request_draft.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { commitRequest, EntryBuffer, versionLeft } from "../../lib/rings/commit_words.ts";
import { decodeRequests, numberCount } from "../../lib/gateway/request_frames.ts";
import { DerivationWords, KEEP_EXPIRY } from "../../lib/rings/derivation_words.ts";
import { NumberForm } from "../../lib/codec/stored_numbers.ts";
import { Condition, Operation } from "../../lib/rings/ring_layout.ts";
import { FrameReader } from "../../lib/wire/frame.ts";
import type { SessionHost } from "./session_host.ts";
import { HASH_KEY } from "./sim_keys.ts";

/** What becomes of the operations is not looked at. */
const COMPLETION = { settle: () => {}, fail: () => {} };

const SEGMENT_BYTES = 64 * 1024;
const RULES = { hashKey: HASH_KEY, keyTypes: KEY_TYPE_NUMBERS.mixed };

const remotes: Remote[] = [];

/** Ends what a test has left. */
export function endRemotes(): void {
  for (const { client } of remotes.splice(0)) client.failAll(new UnavailableError("it is over"));
}

/** A client in another process: what it sends, and what is answered, on its way there. */
export class Remote {
  readonly sent = new Map<number, Int32Array>();
  readonly answers: Uint8Array[] = [];
  session!: ReturnType<SessionHost["connect"]>;
  /** How many numbers the requests have that were sent. */
  numbersSent = 0;
  readonly client = makeRemoteClient({ segmentBytes: SEGMENT_BYTES });
  /** Number up to which the host knows that the answers have come. */
  confirmed = 0;
  readonly #keys = new KeyEncoder(...HASH_KEY);
  readonly #frames = new FrameReader(4 * SEGMENT_BYTES);

  constructor(host: SessionHost) {
    remotes.push(this);
    this.#connect(host);
  }

  put(key: string, bytes: Uint8Array, condition = Condition.NONE as number): void {
    this.#keys.encode(key);
    const value = { bytes, start: 0, end: bytes.length };
    this.client.put(this.#keys, value, Infinity, condition, 0, COMPLETION);
  }

  delete(key: string): void {
    this.#keys.encode(key);
    this.client.delete(this.#keys, COMPLETION);
  }

  derive(operation: number, key: string, asked: DerivationWords): void {
    this.#keys.encode(key);
    this.client.derive(operation, this.#keys, asked, COMPLETION, false);
  }

  add(key: string, addend: number): void {
    const asked = new DerivationWords();
    asked.askToAdd(NumberForm.MSGPACK, addend, -Infinity, Infinity, KEEP_EXPIRY, Infinity);
    this.derive(Operation.ADD, key, asked);
  }

  /** Puts some keys together, and deletes the last one; tells the versions in their order. */
  commit(keys: readonly string[], onEnd: (status: number, versions: number[]) => void): void {
    const buffer = new EntryBuffer();
    const value = { bytes: Uint8Array.of(9), start: 0, end: 1 };
    const drafted = keys.map((key, i) => {
      const hash = this.#keys.encode(key) >>> 0;
      const draft = i + 1 === keys.length
        ? draftOfKey(Operation.DELETE, this.#keys)
        : draftPut(this.#keys, value, Infinity, Condition.NONE, 0, false);
      return { hash, at: this.client.writeEntry(draft, buffer) };
    });
    drafted.sort((one, other) => one.hash - other.hash);
    const slots = new Set(drafted.map(({ hash }) => (hash >>> SLOT_SHIFT) as Slot));
    this.client.commit([...slots], commitRequest(buffer, drafted, false), {
      settle: (status, _detail, _low, _high, words, at) =>
        onEnd(status, keys.map((_, i) => versionLeft(words, at, i))),
      fail: (error) => {
        throw error;
      },
    });
  }

  /** Comes to another host, which is asked about the session before. */
  reconnect(host: SessionHost): void {
    this.answers.length = 0;
    this.client.carrier.disconnect();
    const previous = this.client.carrier.previous!;
    const { pool } = host;
    const verdicts = previous.numbers.flatMap((number) => {
      const outcome = outcomeOf(pool, previous.session, number);
      if (outcome === undefined) return [];
      const { version, derivation } = outcome;
      return [{ number, version, stored: derivation.number, expiresAtMs: derivation.expiresAtMs }];
    });
    this.#connect(host, { isKnown: true, verdicts });
  }

  #connect(host: SessionHost, verdicts?: SessionVerdicts): void {
    this.session = host.connect((bytes) => {
      this.answers.push(bytes);
      return true;
    });
    this.sent.clear();
    this.numbersSent = 0;
    const { number } = this.session;
    const write = (bytes: Uint8Array) => this.#send(bytes);
    this.client.carrier.connect({ session: number, write }, verdicts);
  }

  /** Lets everything be executed; the answers stay on their way. */
  async execute(): Promise<void> {
    this.client.flush();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  /** The answers come. */
  receive(): void {
    for (const bytes of this.answers.splice(0)) {
      for (const { body } of this.#frames.read(bytes)) this.client.carrier.receive(body);
    }
  }

  #send(bytes: Uint8Array): void {
    for (const { body } of new FrameReader(4 * SEGMENT_BYTES).read(bytes)) {
      const { confirmed, requests } = decodeRequests(body, this.numbersSent + 1, RULES);
      for (const words of requests) {
        this.sent.set(this.numbersSent + 1, words.slice());
        this.numbersSent += numberCount(words, 0);
      }
      this.confirmed = confirmed;
      this.session.receive(body);
    }
  }
}
