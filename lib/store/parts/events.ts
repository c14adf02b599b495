/**
 * What a store reports by events, to the thread that opened it.
 *
 * @module
 */
import type { Channel } from "node:diagnostics_channel";
import { describe, InvalidArgumentError } from "../../core/errors.ts";
import type { AutoscaleDecision } from "../../mnode/autoscaler.ts";
import type {
  NodeFailure,
  NodeRecovery,
  ScaleReport,
  ThreadFailure,
} from "../../mnode/node_manager.ts";
import { builtin } from "../../platform/builtin.ts";

/** What each kind of event tells, by the event's type. */
export interface StoreEventDetails {
  /** A KN was started. */
  readonly nodeadded: { readonly node: number };
  /** A KN was retired, by `scale` or by the M-node. */
  readonly noderemoved: { readonly node: number };
  /** A KN has failed, and another one has taken its place. */
  readonly nodefailed: NodeFailure;
  /**
   * The thread of a KN could not be started, and starting it was given up: the threads that use the
   * store do its work.
   */
  readonly threadfailed: ThreadFailure;
  /**
   * Nothing is left of a KN that has failed: every slot can be written, and every request was
   * settled or sent again. In a cluster: others serve all of its slots.
   */
  readonly noderecovered: NodeRecovery;
  /**
   * The M-node has looked at a period, with the option `autoscale`: what it has measured, decided
   * and done, and why.
   */
  readonly decision: AutoscaleDecision;
  /**
   * `scale`, or the M-node, has moved slots; in a cluster one of its nodes, which measures no
   * times.
   */
  readonly slotsmoved: ScaleReport;
  /**
   * The thread of an attached client has ended without closing its store; its place is free again.
   */
  readonly clientlost: { readonly client: number };
  /**
   * Nothing is durable any more: a write to the files of the pool, a sync, or a checkpoint has
   * failed.
   */
  readonly durabilitylost: { readonly failure: "write" | "sync" | "checkpoint" };
  /**
   * Live data has passed nine tenths of what the pool may hold, which is noticed when the next
   * segment is opened: by what this thread writes at once, by what attached threads write within
   * some milliseconds of this thread's event loop. Reported again after it has been below eight
   * tenths.
   */
  readonly poolnearlyfull: { readonly liveBytes: number; readonly liveBytesMax: number };
}

/** The types of events. */
export type StoreEventType = keyof StoreEventDetails;

const IS_EVENT: Readonly<Record<StoreEventType, true>> = {
  nodeadded: true,
  noderemoved: true,
  nodefailed: true,
  threadfailed: true,
  noderecovered: true,
  decision: true,
  slotsmoved: true,
  clientlost: true,
  durabilitylost: true,
  poolnearlyfull: true,
};
/** All types of events. */
export const EVENT_TYPES = Object.keys(IS_EVENT) as readonly StoreEventType[];

/**
 * Checks that there are events of a type.
 *
 * @throws {InvalidArgumentError} when there are not
 */
export function assertEventType(type: unknown): void {
  if (isEventType(type)) return;
  throw new InvalidArgumentError(
    `type must be among ${EVENT_TYPES.join(", ")}, got ${describe(type)}`,
  );
}

/** Whether there are events of a type. */
export function isEventType(type: unknown): type is StoreEventType {
  return typeof type === "string" && Object.hasOwn(IS_EVENT, type);
}

/** An event of a store. */
export class StoreEvent<Type extends StoreEventType = StoreEventType> extends Event {
  /** What has happened. */
  readonly detail: StoreEventDetails[Type];

  /** Makes an event of a type. */
  constructor(type: Type, detail: StoreEventDetails[Type]) {
    super(type);
    this.detail = detail;
  }
}

/** Is called with the events of a type. */
export type StoreEventListener<Type extends StoreEventType> = (event: StoreEvent<Type>) => void;

/** How a listener is called. */
export interface StoreListenerOptions {
  /** Whether it is called for one event only. @default false */
  once?: boolean | undefined;
  /** Takes the listener back when it is aborted. @default none */
  signal?: AbortSignal | undefined;
}

/**
 * Events that wait to be dispatched, at most: a thread that blocks for longer than that takes hears
 * of the newest.
 */
const EVENTS_QUEUED_MAX = 1024;
/**
 * The channel of each type, from the first store on. They are held here: Bun forgets a channel, and
 * who has subscribed to it, when the garbage collector finds that nothing else holds it.
 */
let channels: ReadonlyMap<StoreEventType, Channel> | undefined;

function makeChannels(): ReadonlyMap<StoreEventType, Channel> {
  const { channel } = builtin("node:diagnostics_channel");
  return new Map(EVENT_TYPES.map((type) => [type, channel(`dinomo:${type}`)]));
}

/**
 * What is published to the channels `dinomo:nodefailed` and so on, of `node:diagnostics_channel`,
 * for monitoring that does not have the store at hand.
 */
export interface StoreEventMessage<Type extends StoreEventType = StoreEventType> {
  /** The store, which may be told from others by this only. */
  readonly store: object;
  /** What has happened, as a listener gets it. */
  readonly detail: StoreEventDetails[Type];
}

/**
 * The events of one store, which are published to the channels of the process, too.
 *
 * They are dispatched as a microtask. Much of what they tell of is found out in the middle of an
 * operation: while a thread blocks, it looks after KNs and the pool. A listener that used the store
 * there would do so between two steps of that operation.
 */
export class StoreEvents {
  /** Where listeners are added. */
  readonly target: EventTarget = new EventTarget();
  readonly #store: object;
  readonly #queue: StoreEvent[] = [];
  #isScheduled = false;

  /** Events of a store, of which there are none yet. */
  constructor(store: object) {
    this.#store = store;
    channels ??= makeChannels();
  }

  /** Dispatches an event when the thread's current task or microtask has ended. */
  emit<Type extends StoreEventType>(type: Type, detail: StoreEventDetails[Type]): void {
    if (this.#queue.length === EVENTS_QUEUED_MAX) this.#queue.shift();
    this.#queue.push(new StoreEvent(type, detail));
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void soon.then(() => this.#dispatch());
  }

  #dispatch(): void {
    this.#isScheduled = false;
    for (const event of this.#queue.splice(0)) {
      this.target.dispatchEvent(event);
      const { type, detail } = event;
      const message: StoreEventMessage = { store: this.#store, detail };
      channels!.get(type as StoreEventType)!.publish(message);
    }
  }
}

/** Runs what follows as a microtask. */
const soon = Promise.resolve();
