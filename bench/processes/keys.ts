/**
 * What two processes know of each other that are measured.
 *
 * @module
 */
import type { OpenOptions } from "../../mod.ts";

export const KEYS = 1000;
/** Bytes of values. */
export const SIZES = [100, 1024] as const;

export const BENCH_OPTIONS: OpenOptions<Uint8Array> = {
  processes: true,
  capacity: "256MiB",
  codec: "binary",
};

/** A request by message, and its answer. */
export interface BenchMessage {
  id: number;
  key: string;
  text?: string;
}

export function keyOf(size: number, i: number): string {
  return `key of ${size} bytes ${i % KEYS}`;
}

export function valueOf(size: number): Uint8Array {
  return new Uint8Array(size).fill(120);
}
