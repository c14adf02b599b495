/**
 * Makes the parts of a store in another thread than the one that opened it. Loaded by the first
 * `attach`.
 *
 * @module
 */
import type { CodecOption } from "../codec/codec.ts";
import {
  describe,
  HostOnlyError,
  InvalidOptionError,
  TooManyClientsError,
} from "../core/errors.ts";
import { onThreadExit } from "../core/thread_exit.ts";
import { thisThread } from "../core/thread_identity.ts";
import type { Key } from "../core/key_encoder.ts";
import type { LogFile } from "../persistence/log_file.ts";
import { durabilityError, durabilityWord } from "../pool/durability.ts";
import { isFar } from "../pool/placement.ts";
import { Pool } from "../pool/pool.ts";
import { attachedRing } from "../rings/ring_region.ts";
import {
  claimClient,
  ClientState,
  clientState,
  markClientDead,
  releaseClient,
  setStoreState,
  StoreState,
  storeState,
} from "../routing/client_registry.ts";
import type { AttachOptions } from "./attach_options.ts";
import { cacheBytesOf, codecOf } from "./resolved_options.ts";
import { type ClientParts, codecName, makeClientParts } from "./client_parts.ts";
import {
  checkHandle,
  closedByHost,
  localMonitor,
  type SharedParts,
  type StoreHandle,
} from "./handle.ts";
import { HostWatch } from "./host_watch.ts";
import { LocalPool } from "./local_pool.ts";
import { NOT_DURABLE, type StoreMaintenance } from "./maintenance.ts";
import { controlsOf, Store } from "./store.ts";

const KNOWN = new Set<string>(["codec", "cache", "keepAlive"] satisfies (keyof AttachOptions)[]);

/** Attaches this thread, as `attach` says. */
export async function attachStore<V, K extends Key>(
  handle: StoreHandle<V, K>,
  options: AttachOptions<V>,
): Promise<Store<V, K>> {
  const shared = checkHandle(handle);
  const { region } = shared;
  const codec = attachedCodec(shared, options);
  const pool = Pool.attach(shared.pool);
  assertOpen(pool);
  if (isFar(pool) && options.cache !== undefined) {
    throw new InvalidOptionError(
      "cache must be left out by threads that attach to a far pool: its KNs have the caches",
    );
  }
  const cacheBytes = cacheBytesOf(options.cache, codec);
  const clientId = claimClient(pool, region.clientCount, thisThread());
  if (clientId === undefined) {
    throw new TooManyClientsError(
      `at most ${region.clientCount} threads may use the store, the one that opened it included, ` +
        "and all places are taken: close the store in another thread, or open it with more clients",
    );
  }
  let file: LogFile | undefined;
  const host = new HostWatch(pool);
  try {
    if (shared.log !== undefined) {
      const { openLogFile } = await import("../persistence/open_log.ts");
      file = openLogFile(pool, shared.log);
    }
    const reading = isFar(pool) ? await import("../far/store/make_far_reads.ts") : undefined;
    const parts = await makeClientParts<V>({
      pool,
      clientId,
      leases: shared.leases,
      codec,
      ringOf: (agent) => attachedRing(region, clientId, agent),
      help: shared.help,
      spinMicros: shared.spinMicros,
      cacheBytes,
      file,
      statistics: shared.statistics,
      onFlush: () => {},
      // In the host's thread the monitor could not look after the KNs meanwhile.
      onBlocked: () => localMonitor(shared)?.lookWhileBlocked(),
      onPoll: () => {
        // The others hear of it, too, and no operation begins that would wait for the M-node.
        if (host.hasEnded()) setStoreState(pool, StoreState.ORPHANED);
        if (storeState(pool) >= StoreState.CLOSED) controlsOf(store).fail(closedByHost(pool));
      },
    });
    const { reads, reader, cache } = parts;
    const makeReads = reads && reading!.makeFarReads(reads);
    const storeParts = {
      ...parts,
      pool: new LocalPool({ pool, reader, clientId, cache, handle, makeReads }),
      recovery: undefined,
      maintenance: () => new AttachedMaintenance(pool, clientId, parts, file),
    };
    const store: Store<V, K> = new Store<V, K>(storeParts);
    // Before the first operation: how much fits a ring is known when there is one.
    parts.connector.update(parts.client.carrier);
    if (options.keepAlive) controlsOf(store).keepAlive();
    return store;
  } catch (error) {
    file?.close();
    releaseClient(pool, clientId);
    throw error;
  }
}

/** What an attached thread can do for a store as a whole: little. */
class AttachedMaintenance<V> implements StoreMaintenance {
  readonly #pool: Pool;
  readonly #clientId: number;
  readonly #parts: ClientParts<V>;
  readonly #file: LogFile | undefined;
  readonly #stay: () => void;

  constructor(pool: Pool, clientId: number, parts: ClientParts<V>, file: LogFile | undefined) {
    this.#pool = pool;
    this.#clientId = clientId;
    this.#parts = parts;
    this.#file = file;
    this.#stay = onThreadExit(this.#leave);
  }

  scale(): Promise<never> {
    return refuse("scale");
  }

  replicate(): Promise<never> {
    return refuse("replicate");
  }

  snapshot(): Promise<never> {
    return refuse("snapshot");
  }

  backup(): Promise<never> {
    return refuse("backup");
  }

  compact(): Promise<never> {
    return refuse("compact");
  }

  grow(): Promise<never> {
    return refuse("grow");
  }

  sync(): Promise<void> {
    if (this.#file === undefined || this.#file.sync()) return Promise.resolve();
    return Promise.reject(durabilityError(NOT_DURABLE, durabilityWord(this.#pool)));
  }

  async close(hasFailed: () => boolean): Promise<void> {
    const { client, connector } = this.#parts;
    // Code that the store has called in the middle of an operation may have called this: the
    // operation is issued first.
    await Promise.resolve();
    if (!hasFailed()) await client.whenIdle();
    this.#stay();
    client.close();
    connector.close();
    this.#file?.close();
    releaseClient(this.#pool, this.#clientId);
  }

  /** The thread ends, between two operations: the host frees its place. */
  readonly #leave = (): void => {
    if (clientState(this.#pool, this.#clientId) === ClientState.ACTIVE) {
      markClientDead(this.#pool, this.#clientId);
    }
  };
}

function refuse(method: string): Promise<never> {
  return Promise.reject(
    new HostOnlyError(
      `${method} must be called in the thread that opened the store, got a call in an attached one`,
    ),
  );
}

function assertOpen(pool: Pool): void {
  if (storeState(pool) !== StoreState.OPEN) throw closedByHost(pool);
}

function attachedCodec<V>(handle: SharedParts, options: AttachOptions<V>): CodecOption<V> {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError(`options must be an object, got ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) {
      throw new InvalidOptionError(
        `attach has the options codec, cache and keepAlive, got ${name}`,
      );
    }
  }
  if (options.codec === undefined && handle.codec !== "custom") return handle.codec;
  if (options.codec === undefined) {
    throw new InvalidOptionError(
      "codec must be given to attach, too, as the store was opened with one of the application's own",
    );
  }
  const codec = codecOf(options.codec);
  if (codecName(codec) === handle.codec) return codec;
  throw new InvalidOptionError(
    `codec must be the one that the store was opened with, ${handle.codec}, got ${
      codecName(codec)
    }`,
  );
}
