/**
 * Tells a thread that is attached to a store that the thread that opened it has ended: the M-node
 * was there, and without it requests to KNs that fail, and for slots that were just being moved,
 * would wait for ever (I14).
 *
 * A thread that ends by itself says so when it does. One that is terminated cannot; then the
 * operating system is asked, on Linux. On other systems that is not noticed, since no runtime
 * tells.
 *
 * @module
 */
import { monotonicMs } from "../../platform/runtime.ts";
import { hasThreadEnded } from "../../platform/thread_identity.ts";
import type { Pool } from "../../pool/pool.ts";
import { clientThread, HOST_CLIENT } from "../../routing/client_registry.ts";

/** Polls of a client between two looks at the clock. */
const POLLS_PER_CLOCK = 16;
/** How often the operating system is asked: that takes ten microseconds. */
const INTERVAL_MS = 100;

/** Watches the host of one store while requests are pending. */
export class HostWatch {
  readonly #pool: Pool;
  #pollCount = 0;
  #nextMs = 0;

  /** Watches the host of a pool. */
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Whether the host's thread is known to have ended; looks now and then only. */
  hasEnded(): boolean {
    if (++this.#pollCount % POLLS_PER_CLOCK !== 0) return false;
    const nowMs = monotonicMs();
    if (nowMs < this.#nextMs) return false;
    this.#nextMs = nowMs + INTERVAL_MS;
    return hasThreadEnded(clientThread(this.#pool, HOST_CLIENT));
  }
}
