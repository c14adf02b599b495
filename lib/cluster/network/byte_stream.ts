/**
 * What a connection to a node runs over: a socket, or, for the threads of the node's own process,
 * memory that they share (wire/thread_stream.ts).
 *
 * @module
 */

/** What is used of a socket. */
export interface ByteStream {
  /** Bytes that were written and are on their way in no way yet. */
  readonly writableLength: number;
  readonly remoteAddress?: string | undefined;
  /** How long a thread waits for a node to welcome it, in milliseconds, if not as by TCP. */
  readonly helloMsMax?: number;
  on(event: "connect" | "secureConnect" | "drain" | "close", listener: () => void): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Whether more may be written before `drain`. */
  write(bytes: Uint8Array): boolean;
  /** Writes the last bytes. */
  end(bytes: Uint8Array): unknown;
  destroy(): unknown;
  unref(): unknown;
  setNoDelay(): unknown;
}
