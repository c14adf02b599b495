/**
 * The messages of one direction of a connection between a client of NATS and a server, found in its
 * bytes.
 *
 * The protocol is lines of text, each with a verb and its arguments. Behind the line of a message
 * come its headers and its payload, whose length is the last argument
 * (https://docs.nats.io/reference/reference-protocols/nats-protocol).
 *
 * @module
 */

const LINE_FEED = 0x0a;
const END_OF_PAYLOAD = 2;
/** Verbs behind whose line a payload comes. */
const WITH_PAYLOAD: ReadonlySet<string> = new Set(["PUB", "HPUB", "MSG", "HMSG"]);
/** A server's list of others is the longest line that there is, and it is far shorter. */
const LINE_BYTES_MAX = 1024 * 1024;

/** What a line says. */
export interface NatsMessage {
  /** In capitals. */
  readonly verb: string;
  /** `PUB`, `HPUB`, `MSG`, `HMSG`: what it is about. */
  readonly subject: string | undefined;
  /** Of the same: to which subject the answer goes. */
  readonly reply: string | undefined;
}

/** Takes bytes as they come, and passes on messages when their line is whole. */
export class NatsMessages {
  readonly #take: (message: NatsMessage) => void;
  readonly #decoder = new TextDecoder();
  /** The begin of a line whose end has not come. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;
  /** Bytes of a payload that are still to come. */
  #payloadBytes = 0;

  constructor(take: (message: NatsMessage) => void) {
    this.#take = take;
  }

  /**
   * @throws {RangeError} if these are no bytes of the protocol: a line that does not end, a length
   *   that is none
   */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const skipped = Math.min(this.#payloadBytes, bytes.length - at);
      this.#payloadBytes -= skipped;
      at += skipped;
      if (at === bytes.length) return;
      const end = bytes.indexOf(LINE_FEED, at);
      if (end === -1) return this.#begin(bytes.slice(at));
      this.#line(bytes.subarray(at, end));
      at = end + 1;
    }
  }

  #begin(part: Uint8Array): void {
    this.#begun.push(part);
    this.#begunBytes += part.length;
    if (this.#begunBytes > LINE_BYTES_MAX) {
      throw new RangeError(`no line of NATS has more than ${LINE_BYTES_MAX} bytes`);
    }
  }

  #line(last: Uint8Array): void {
    const parts = [...this.#begun, last];
    this.#begun = [];
    this.#begunBytes = 0;
    const line = parts.map((part) => this.#decoder.decode(part, { stream: true })).join("") +
      this.#decoder.decode();
    const [verb = "", ...args] = line.trimEnd().split(/[ \t]+/);
    const name = verb.toUpperCase();
    if (!WITH_PAYLOAD.has(name)) {
      return this.#take({ verb: name, subject: undefined, reply: undefined });
    }
    const length = Number(args.at(-1));
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(`the last argument of a message must be its length, got "${line}"`);
    }
    this.#payloadBytes = length + END_OF_PAYLOAD;
    // Without a reply there is one argument less: PUB subject [reply] n, MSG subject sid [reply] n;
    // one length more with headers.
    const replyAt = name.endsWith("MSG") ? 2 : 1;
    const lengths = name.startsWith("H") ? 2 : 1;
    const reply = args.length === replyAt + 1 + lengths ? args[replyAt] : undefined;
    this.#take({ verb: name, subject: args[0], reply });
  }
}
