/**
 * Purges what nobody needs any more: each node in its own streams, and the member with the smallest
 * number in those of nodes that are none.
 *
 * What is not needed by what a node has read of the control stream is not needed later either: so
 * it does no harm to purge by an old state, or late, or twice.
 *
 * @module
 */
import type { ControlLog } from "../control/control_log.ts";
import type { LogEngine } from "../engine/log_engine.ts";
import { indexStream, logStream } from "../node/log_streams.ts";

/** Purges streams. */
export class Purging {
  readonly #engine: LogEngine;
  readonly #node: number;
  readonly #purgedTo = new Map<string, number>();
  readonly #onTheirWay = new Set<string>();

  constructor(engine: LogEngine, node: number) {
    this.#engine = engine;
    this.#node = node;
  }

  /** Does what can be done now. */
  step({ state }: ControlLog): void {
    const members = state.members();
    for (const node of state.nodes()) {
      const isMine = node === this.#node ||
        (members[0] === this.#node && !members.includes(node));
      if (!isMine) continue;
      this.#purge(logStream(node), state.needs.purgeableLog(node));
      this.#purge(indexStream(node), state.needs.purgeableIndex(node));
    }
  }

  #purge(stream: string, upTo: number): void {
    if (upTo <= (this.#purgedTo.get(stream) ?? 0) || this.#onTheirWay.has(stream)) return;
    this.#onTheirWay.add(stream);
    this.#engine.purge(stream, upTo, (isDone) => {
      this.#onTheirWay.delete(stream);
      if (isDone) this.#purgedTo.set(stream, upTo);
    });
  }
}
