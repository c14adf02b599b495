/**
 * Keeps the values of all slots in memory, from the logs of all nodes, which are read from their
 * beginning and for ever.
 *
 * @module
 */
import type { Following, LogEngine } from "../engine/log_engine.ts";
import { KeyTable } from "./key_table.ts";
import { LogReplay } from "./log_replay.ts";
import { logStream } from "./log_streams.ts";
import type { RecordTable } from "./record_table.ts";
import type { LoaderParts, SlotLoader } from "./slot_loader.ts";

/** A log that is read. */
interface ReadLog {
  readonly replay: LogReplay;
  readonly following: Following;
}

/** Follows all logs. */
export class LogFollowing implements SlotLoader {
  readonly table: RecordTable;
  readonly isFull = false;
  /** All logs are followed. */
  readonly isReadAhead = true;
  readonly #engine: LogEngine;
  readonly #logs = new Map<number, ReadLog>();
  #parts: LoaderParts | undefined;

  constructor(
    engine: LogEngine,
    hashKey: readonly [number, number],
    table: RecordTable = new KeyTable(hashKey),
  ) {
    this.#engine = engine;
    this.table = table;
  }

  createStreams(done: (areThere: boolean) => void): void {
    done(true);
  }

  join(parts: LoaderParts): void {
    this.#parts = parts;
  }

  seen(node: number): void {
    if (this.#logs.has(node)) return;
    const { take, loaded, failed } = this.#parts!;
    const replay = new LogReplay(node, take);
    const following = this.#engine.follow(logStream(node), 1, (message) => {
      try {
        replay.take(message);
        loaded();
      } catch (error) {
        failed(error);
      }
    });
    this.#logs.set(node, { replay, following });
  }

  assigned(): void {}

  readAhead(): void {}

  readUpTo(node: number): number {
    return this.#logs.get(node)?.replay.sequence ?? 0;
  }

  written(): void {}

  step(): void {}

  endTerm(): void {}

  stop(): void {
    for (const { following } of this.#logs.values()) following.stop();
  }
}
