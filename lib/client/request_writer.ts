/**
 * Writes requests: the header, and the log record as the KN will copy it.
 *
 * @module
 */
import {
  RECORD_CLIENT,
  RECORD_REQUEST_POSITION,
  sessionName,
  valueWord,
} from "../log/record_layout.ts";
import { entryBehind, firstEntry } from "../rings/commit_words.ts";
import {
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
} from "../rings/ring_layout.ts";
import { RecordWriter } from "../log/record_writer.ts";
import { type RequestDraft, requestLength } from "./request_draft.ts";

/** Puts the name of a session, and its number there, into a request that begins at an index. */
export function nameRequest(words: Int32Array, at: number, session: number, number: number): void {
  words[at + REQUEST_RECORD + RECORD_CLIENT] = sessionName(session);
  words[at + REQUEST_RECORD + RECORD_REQUEST_POSITION] = number;
}

/** Writes the requests of one client. */
export class RequestWriter {
  readonly #clientId: number;
  readonly #record: RecordWriter;

  /** Writes requests in the name of a client. */
  constructor(clientId: number) {
    this.#clientId = clientId;
    this.#record = new RecordWriter(clientId);
  }

  /**
   * Writes a whole request, except its length, owner word and position.
   *
   * @param words where to, as words
   * @param bytes the same buffer as bytes
   * @param at index of its first word
   */
  write(draft: RequestDraft, words: Int32Array, bytes: Uint8Array, at: number): void {
    this.#writeAsked(draft, words, at);
    this.#record.write(draft, words, bytes, at + REQUEST_RECORD);
  }

  /** Puts the name of the client into a request that another one has written. */
  sign(words: Int32Array): void {
    words[REQUEST_RECORD + RECORD_CLIENT] = this.#clientId;
  }

  /**
   * The same of an atomic commit.
   *
   * @param session in whose name its entries are, with numbers from that of the commit on; 0: in
   *   the name of the client
   */
  signCommit(words: Int32Array, session: number): void {
    this.sign(words);
    let number = words[REQUEST_RECORD + RECORD_REQUEST_POSITION];
    const end = words[REQUEST_LENGTH];
    for (let at = firstEntry(words); at < end; at = entryBehind(words, at)) {
      if (session === 0) words[at + REQUEST_RECORD + RECORD_CLIENT] = this.#clientId;
      else nameRequest(words, at, session, number++);
    }
  }

  /** Makes a request outside the ring, to be held. */
  copy(draft: RequestDraft): Int32Array {
    const words = new Int32Array(requestLength(draft));
    words[REQUEST_LENGTH] = words.length;
    this.write(draft, words, new Uint8Array(words.buffer), 0);
    return words;
  }

  /**
   * Makes a request that ends where its value would begin, for a value that does not travel through
   * the ring.
   */
  copyWithoutValue(draft: RequestDraft): Int32Array {
    const words = new Int32Array(REQUEST_RECORD + valueWord(draft.meta));
    words[REQUEST_LENGTH] = words.length;
    this.#writeAsked(draft, words, 0);
    this.#record.writeHead(draft, words, REQUEST_RECORD);
    return words;
  }

  #writeAsked({ operation, expectedVersion }: RequestDraft, words: Int32Array, at: number): void {
    words[at + REQUEST_OPERATION] = operation;
    words[at + REQUEST_VERSION_LOW] = expectedVersion | 0;
    words[at + REQUEST_VERSION_HIGH] = Math.floor(expectedVersion / 2 ** 32);
    words[at + REQUEST_ARGUMENT] = 0;
  }
}
