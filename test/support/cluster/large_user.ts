/**
 * Processes that read and write large values of a cluster.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Runtime } from "../../../scripts/runtimes.ts";
import type { ClusterOptions } from "../../../mod.ts";
import { ToldProcess, type ToldRequest } from "./told_process.ts";

/** What it is told. */
export interface LargeUserRequest extends ToldRequest {
  readonly kind: "put" | "get" | "close";
  /** Of the value, in bytes. */
  readonly count: number;
}

const BLOCK_BYTES = 4096;

/** The value of so many bytes that a key has, the same in all processes. */
export function bytesOf(key: string, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  const start = key.charCodeAt(0);
  const block = Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => start + i * 7);
  for (let at = 0; at < count; at += BLOCK_BYTES) {
    block[0] = at / BLOCK_BYTES;
    bytes.set(block.subarray(0, count - at), at);
  }
  return bytes;
}

/** Whether a value is the one that a key has. */
export function isValueOf(value: Uint8Array | undefined, key: string, count: number): boolean {
  return value !== undefined && Buffer.compare(value, bytesOf(key, count)) === 0;
}

/** A process of its own. */
export class LargeUser extends ToldProcess {
  /** Starts one; resolves when its store is open. */
  static async start(cluster: ClusterOptions, runtime?: Runtime): Promise<LargeUser> {
    const user = new LargeUser("large_user", cluster, runtime);
    await user.opened();
    return user;
  }

  /** Has it put a value, or only read it; resolves to whether it has read the right one then. */
  async use(kind: "put" | "get", key: string, count: number): Promise<boolean> {
    const request: LargeUserRequest = { kind, key, count };
    return (await this.ask(request, "value") as { isRight: boolean }).isRight;
  }

  /** Has it close its store and end. */
  async close(): Promise<void> {
    await this.closed();
  }
}
