/**
 * Makes the parts of a store in another thread than the one that opened it. Loaded by the first
 * `attach`.
 *
 * @module
 */
import type { CodecOption } from "../codec/codec.ts";
import { describe, HostOnlyError, InvalidOptionError } from "../core/errors.ts";
import { onThreadExit } from "../platform/thread_exit.ts";
import type { Key } from "../core/key_encoder.ts";
import { durabilityError, durabilityWord } from "../pool/durability.ts";
import { isFar } from "../pool/placement.ts";
import { Pool } from "../pool/pool.ts";
import { ClientState, clientState, markClientDead } from "../routing/client_registry.ts";
import type { AttachOptions } from "./options/attach_options.ts";
import { AttachedThread } from "./opening/attached_thread.ts";
import { codecName } from "./opening/client_parts.ts";
import { checkHandle, closedByHost, type SharedParts, type StoreHandle } from "./parts/handle.ts";
import { LocalPool } from "./local_pool.ts";
import { NOT_DURABLE, type StoreMaintenance } from "./maintenance/maintenance.ts";
import { cacheBytesOf, codecOf } from "./options/resolved_options.ts";
import { controlsOf, Store } from "./store.ts";

const KNOWN = new Set<string>(["codec", "cache", "keepAlive"] satisfies (keyof AttachOptions)[]);

/** Attaches this thread, as `attach` says. */
export async function attachStore<V, K extends Key>(
  handle: StoreHandle<V, K>,
  options: AttachOptions<V>,
): Promise<Store<V, K>> {
  const shared = checkHandle(handle);
  const codec = attachedCodec(shared, options);
  const pool = Pool.attach(shared.pool);
  const isPoolFar = isFar(pool);
  if (isPoolFar && options.cache !== undefined) {
    throw new InvalidOptionError(
      "cache must be left out by threads that attach to a far pool: its KNs have the caches",
    );
  }
  const cacheBytes = cacheBytesOf(options.cache, codec);
  const reading = isPoolFar ? await import("../far/store/make_far_reads.ts") : undefined;
  const onClosed = () => controlsOf(store).fail(closedByHost(pool));
  const thread = await AttachedThread.take<V>(shared, { codec, cacheBytes, onClosed });
  const { clientId, parts } = thread;
  const { reads, reader, cache } = parts;
  const makeReads = reads && reading!.makeFarReads(reads);
  const store: Store<V, K> = new Store<V, K>({
    ...parts,
    pool: new LocalPool({ pool, reader, clientId, cache, handle, makeReads }),
    recovery: undefined,
    maintenance: () => new AttachedMaintenance(thread),
  });
  if (options.keepAlive) controlsOf(store).keepAlive();
  return store;
}

/** What an attached thread can do for a store as a whole: little. */
class AttachedMaintenance<V> implements StoreMaintenance {
  readonly #thread: AttachedThread<V>;
  readonly #stay: () => void;

  constructor(thread: AttachedThread<V>) {
    this.#thread = thread;
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
    const { file, pool } = this.#thread;
    if (file === undefined || file.sync()) return Promise.resolve();
    return Promise.reject(durabilityError(NOT_DURABLE, durabilityWord(pool)));
  }

  async close(hasFailed: () => boolean): Promise<void> {
    // Code that the store has called in the middle of an operation may have called this: the
    // operation is issued first.
    await Promise.resolve();
    if (!hasFailed()) await this.#thread.parts.client.whenIdle();
    this.#stay();
    this.#thread.leave();
  }

  /** The thread ends, between two operations: the host frees its place. */
  readonly #leave = (): void => {
    const { pool, clientId } = this.#thread;
    if (clientState(pool, clientId) === ClientState.ACTIVE) markClientDead(pool, clientId);
  };
}

function refuse(method: string): Promise<never> {
  return Promise.reject(
    new HostOnlyError(
      `${method} must be called in the thread that opened the store, got a call in an attached one`,
    ),
  );
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
