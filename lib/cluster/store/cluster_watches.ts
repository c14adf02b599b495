/**
 * Tells the watches of a thread what has changed in a cluster.
 *
 * Each watch makes a call to each node that owns slots of its keys; the node tells what it writes.
 * When a slot gets another owner, or the same one again by another assignment, the call is made
 * anew at its owner, and so it is when a connection has ended. A call says first that everything
 * may have changed before it.
 *
 * **Why no change of a watched key is missed.** Let the owner of its slot be the last one, by the
 * assignment that this thread comes to know last. A call is made to it after that. Whatever it
 * writes after it has got the call it tells; whatever was written before, by itself or by others,
 * is read by what the watch reads when the call says that everything may have changed: that read is
 * linearizable, and begins later.
 *
 * **Why nothing older follows.** What a watch of keys delivers it reads, see key_watch.ts. Of the
 * changes of a key with a prefix those are taken that its owner tells, by the call that was made
 * after it has become that: so of two nodes never both are believed, and what a node has told of an
 * earlier time in which it owned the slot came by a call that has ended.
 *
 * **Why nothing is missing between two items `"resync"`.** What is not taken, or not told, of a
 * slot was written before the call to its owner was made; and that call says, before all that it
 * tells, that changes may be missing.
 *
 * @module
 */
import type { KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_SHIFT, WATCH_CREDIT_BYTES } from "../../core/limits.ts";
import type { Timer } from "../../platform/runtime.ts";
import { FarWatches } from "../../remote/calls/far_watches.ts";
import { decodeChanges, decodeParts } from "../../watch/watch_items.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { HubWatch } from "../../watch/watch_source.ts";
import { encodeCall } from "../network/node_calls.ts";
import { hashOf } from "../node/key_table.ts";
import type { ClusterCarrier } from "../client/cluster_carrier.ts";
import { type Peer, PeerLostError } from "../client/node_peers.ts";
import { PeerProbes } from "../client/peer_probes.ts";
import { SlotRoutes } from "../client/slot_routes.ts";

/** Pause before a node is tried again that could not be asked. */
const RETRY_MS = 50;
/** How often it is looked whether nodes are there that have nothing to tell. */
const LOOK_MS = 1000;
/** Parts of a slot, as a power of two. */
const PARTS_LOG2 = 5;

/** A call of one watch to one node. */
interface WatchCall {
  readonly peer: Peer;
  readonly end: AbortController;
  /** The newest assignment that was known when it was made. */
  readonly madeAt: number;
  /** Whether the node has said that it tells. */
  isTold: boolean;
}

/** The calls of one watch, by the numbers of nodes. */
interface WatchCalls {
  readonly byNode: Map<number, WatchCall>;
  /** Whether the watch of a prefix has been told that it has begun. */
  hasBegun: boolean;
}

/** The watches of one thread. */
export class ClusterWatches extends FarWatches<WatchCalls> {
  readonly #carrier: ClusterCarrier;
  readonly #encoder: KeyEncoder;
  readonly #probes: PeerProbes;
  #routes: SlotRoutes;
  #retry: Timer | undefined;
  #later: Timer | undefined;

  /** Watches nothing yet. */
  constructor(carrier: ClusterCarrier, encoder: KeyEncoder, lifetime: StoreLifetime) {
    super(lifetime);
    this.#carrier = carrier;
    this.#encoder = encoder;
    this.#probes = new PeerProbes(carrier.clock, encodeCall({ op: "alive" }));
    this.#routes = new SlotRoutes(carrier.view);
    carrier.onChange = () => this.#askAll();
  }

  protected override begin(watch: HubWatch): WatchCalls {
    const calls: WatchCalls = { byNode: new Map(), hasBegun: false };
    this.#ask(watch, calls);
    this.#lookLater();
    return calls;
  }

  protected override stop({ byNode }: WatchCalls): void {
    for (const { end } of byNode.values()) end.abort();
    byNode.clear();
  }

  override letGo(): void {
    super.letGo();
    this.#retry?.stop();
    this.#later?.stop();
  }

  #askAll(): void {
    for (const [watch, calls] of [...this.watches]) this.#ask(watch, calls);
  }

  /** Makes the calls of a watch that are due, and ends those that are not any more. */
  #ask(watch: HubWatch, { byNode, hasBegun }: WatchCalls): void {
    const routes = this.#newestRoutes();
    const partsOf = this.#partsOf(watch, routes);
    for (const [node, { end, madeAt }] of byNode) {
      if (partsOf.has(node) && routes.newestOf.get(node)! <= madeAt) continue;
      end.abort();
      byNode.delete(node);
    }
    for (const [node, parts] of partsOf) {
      if (byNode.has(node)) continue;
      const peer = this.#carrier.peerOf(node);
      if (peer === undefined) {
        this.#retryLater();
        continue;
      }
      const { madeAt } = routes;
      const call = { peer, end: new AbortController(), madeAt, isTold: false };
      byNode.set(node, call);
      const { prefix } = watch;
      const content = prefix === undefined
        ? encodeCall({ op: "parts", parts, isAgain: true })
        : encodeCall({ op: "changes", prefix, isAgain: true });
      void this.#listen(watch, node, call, content);
    }
    if (!hasBegun && watch.prefix !== undefined) this.#beginIfTold(watch);
  }

  /** The nodes that own slots of a watch's keys, and which parts of those each has. */
  #partsOf({ prefix, parts }: HubWatch, { view, newestOf }: SlotRoutes): Map<number, number[]> {
    if (prefix !== undefined) return new Map([...newestOf.keys()].map((node) => [node, []]));
    const partsOf = new Map<number, number[]>();
    for (const part of parts) {
      const owner = view.owners[part >>> PARTS_LOG2]!;
      if (!newestOf.has(owner)) continue;
      const ofOwner = partsOf.get(owner);
      if (ofOwner === undefined) partsOf.set(owner, [part]);
      else ofOwner.push(part);
    }
    return partsOf;
  }

  #newestRoutes(): SlotRoutes {
    const { view } = this.#carrier;
    if (this.#routes.view !== view) this.#routes = new SlotRoutes(view);
    return this.#routes;
  }

  async #listen(
    watch: HubWatch,
    node: number,
    call: WatchCall,
    content: Uint8Array,
  ): Promise<void> {
    const { signal } = call.end;
    const options = { signal, creditBytes: WATCH_CREDIT_BYTES };
    try {
      for await (const item of call.peer.calls.call(content, options)) {
        if (!signal.aborted) this.#tell(watch, node, call, item);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof PeerLostError)) return watch.fail(error);
    }
    const calls = this.watches.get(watch);
    if (calls?.byNode.get(node) !== call) return;
    calls.byNode.delete(node);
    this.#retryLater();
  }

  #tell(watch: HubWatch, node: number, call: WatchCall, item: Uint8Array): void {
    if (watch.prefix === undefined) {
      for (const part of decodeParts(item)) watch.note(part);
      return;
    }
    const { isLost, changes } = decodeChanges(item);
    const calls = this.watches.get(watch)!;
    if (isLost) {
      call.isTold = true;
      if (calls.hasBegun) watch.noteLost();
      else this.#beginIfTold(watch);
    }
    if (!calls.hasBegun) return;
    for (const change of changes) {
      const slot = hashOf(this.#encoder, change) >>> SLOT_SHIFT;
      if (this.#carrier.view.owners[slot] === node) watch.noteChange(change);
    }
  }

  /** A watch of a prefix begins when the owners of all slots tell what they write. */
  #beginIfTold(watch: HubWatch): void {
    const calls = this.watches.get(watch);
    const { newestOf, isComplete } = this.#newestRoutes();
    if (calls === undefined || !isComplete) return;
    for (const node of newestOf.keys()) if (!calls.byNode.get(node)?.isTold) return;
    calls.hasBegun = true;
    watch.noteLost();
  }

  #retryLater(): void {
    this.#retry ??= this.#carrier.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.#askAll();
    });
  }

  #lookLater(): void {
    this.#later ??= this.#carrier.clock.after(LOOK_MS, () => {
      this.#later = undefined;
      const peers = new Set<Peer>();
      for (const { byNode } of this.watches.values()) {
        for (const { peer } of byNode.values()) peers.add(peer);
      }
      this.#probes.look(peers);
      if (this.watches.size > 0) this.#lookLater();
    });
  }
}
