/**
 * What one of the members does for all of them: it fences the logs of those whose leases have
 * ended, and gives their slots to the others.
 *
 * It is the member with the smallest number whose lease is not over. If two take themselves for it,
 * both may do the same: a fence is the same message from both, and of two assignments that follow
 * the same command one counts.
 *
 * @module
 */
import type { NodeId } from "../../core/brands.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import { assignSlots } from "../../routing/virtual_node_ring.ts";
import type { Barrier, Fenced, Move } from "../control/command.ts";
import type { ControlLog } from "../control/control_log.ts";
import { NO_OWNER } from "../control/control_state.ts";
import type { LogEngine } from "../engine/log_engine.ts";
import { encodeOwn } from "../messages/log_codec.ts";
import { logStream } from "./log_streams.ts";

/** A log that is to be fenced, or was. */
interface Fence {
  readonly term: number;
  /** Undefined until it is stored. */
  sequence: number | undefined;
  isOnItsWay: boolean;
}

/** Gives slots without an owner to members. */
export class Succession {
  readonly #engine: LogEngine;
  readonly #control: ControlLog;
  readonly #node: number;
  readonly #fences = new Map<number, Fence>();

  constructor(engine: LogEngine, control: ControlLog, node: number) {
    this.#engine = engine;
    this.#control = control;
    this.#node = node;
  }

  /** Does what can be done now; to be called again and again. */
  step(): void {
    const { state } = this.#control;
    this.#control.revokeEnded();
    const live = this.#control.liveMembers();
    if (live[0] !== this.#node || !state.hasOrphans) return;
    for (const [node, term] of state.unfenced) this.#fence(node, term);
    const fences = [...state.unfenced.keys()].map((node) =>
      [node, this.#fences.get(node)!] as const
    );
    if (fences.some(([, { sequence }]) => sequence === undefined)) return;
    // Who leaves would have to give them away again.
    const staying = this.#control.stayingMembers();
    this.#control.send({
      kind: "assign",
      node: this.#node,
      holder: this.#control.holder,
      follows: state.mapSequence,
      moves: orphanMoves(state.owners, staying.length > 0 ? staying : live),
      barriers: fences.map(([node, { sequence }]): Barrier => [node, sequence!]),
      fenced: fences.map(([node, { term }]): Fenced => [node, term]),
    });
  }

  /** Sends a fence, unless it is there or on its way. */
  #fence(node: number, term: number): void {
    let fence = this.#fences.get(node);
    if (fence?.term !== term) {
      fence = { term, sequence: undefined, isOnItsWay: false };
      this.#fences.set(node, fence);
    }
    if (fence.sequence !== undefined || fence.isOnItsWay) return;
    const sent = fence;
    sent.isOnItsWay = true;
    this.#engine.append(logStream(node), "own", encodeOwn(term), undefined, (outcome) => {
      sent.isOnItsWay = false;
      if (outcome.status === "stored") sent.sequence = outcome.sequence;
    });
  }
}

/** Who gets the slots that have no owner. */
export function orphanMoves(owners: Int32Array, live: readonly number[]): Move[] {
  return movesOf(owners, NO_OWNER, live);
}

/** Which slots of a node are to go to others, for all to have what the ring gives them. */
export function surplusMoves(owners: Int32Array, node: number, live: readonly number[]): Move[] {
  // Who joins reads of all who have joined before, and would compute a ring for each.
  if (!owners.includes(node)) return [];
  return movesOf(owners, node, live).filter(([, to]) => to !== node);
}

function movesOf(owners: Int32Array, owner: number, live: readonly number[]): Move[] {
  const ring = ringOf(live);
  const moves: Move[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (owners[slot] === owner) moves.push([slot, ring[slot]!]);
  }
  return moves;
}

/** The last ring, as it is asked for again and again, and takes some milliseconds to compute. */
let lastRing: { readonly members: string; readonly owners: readonly number[] } | undefined;

function ringOf(live: readonly number[]): readonly number[] {
  const members = live.join();
  if (lastRing?.members !== members) {
    lastRing = { members, owners: assignSlots(live as readonly NodeId[]) };
  }
  return lastRing.owners;
}
