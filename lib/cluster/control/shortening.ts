/**
 * Keeps the control stream short: now and then the state is written into it, and what was before an
 * earlier state is purged.
 *
 * One state is left behind the last one, so that who is not far behind need not begin again.
 *
 * @module
 */
import type { LogEngine } from "../engine/log_engine.ts";
import { PLAIN_MESSAGE_BYTES_MAX } from "../messages/message_limits.ts";
import { encode } from "./command.ts";
import { CONTROL_STREAM, type ControlLog } from "./control_log.ts";

/** Messages from one state to the next: some minutes of renewals of three nodes. */
export const STATE_EVERY = 1000;

/** Writes states and purges. */
export class Shortening {
  readonly #engine: LogEngine;
  readonly #every: number;
  #purgedTo = 0;
  #isPurging = false;

  /** @param every after so many messages the state is written */
  constructor(engine: LogEngine, every: number = STATE_EVERY) {
    this.#engine = engine;
    this.#every = every;
  }

  /** Does what can be done now; for the member that does what is done for all. */
  step(control: ControlLog): void {
    const { state } = control;
    if (state.sequence - state.pictureAt >= this.#every) {
      const command = { kind: "state", at: state.sequence, state: state.picture() } as const;
      // One that does not fit is not written: then the stream is longer.
      if (encode(command).length <= PLAIN_MESSAGE_BYTES_MAX) control.send(command);
    }
    this.#purge(state.earlierPictureAt);
  }

  #purge(upTo: number): void {
    if (upTo <= this.#purgedTo || this.#isPurging) return;
    this.#isPurging = true;
    this.#engine.purge(CONTROL_STREAM, upTo, (isDone) => {
      this.#isPurging = false;
      if (isDone) this.#purgedTo = upTo;
    });
  }
}
