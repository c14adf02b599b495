/**
 * Lines of a stream of bytes, with their numbers.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { BadDataError } from "./exit_codes.ts";

/** A line without its end. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
}

const NEWLINE = 0x0a;
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Splits chunks of UTF-8 into lines. A last line need not have an end; lines of white space are
 * left out.
 *
 * @throws {BadDataError} for a line that is not UTF-8, or longer than a string can be
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let number = 0;
  const take = (end: Uint8Array): Line => {
    parts.push(end);
    const bytes = parts.length === 1 ? end : Buffer.concat(parts);
    parts = [];
    number += 1;
    return { number, text: decode(bytes, number) };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = take(chunk.subarray(start, end));
      if (line.text.trim() !== "") yield line;
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  const last = take(new Uint8Array(0));
  if (last.text.trim() !== "") yield last;
}

function decode(bytes: Uint8Array, number: number): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new BadDataError(`line ${number}: it must be UTF-8 and fit into a string`, {
      cause: error,
    });
  }
}
