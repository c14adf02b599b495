/**
 * What a node of a cluster is made of.
 *
 * @module
 */
import type { LogEngine } from "../engine/log_engine.ts";
import type { IndexOptions } from "../index/index_keeper.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import type { MessageLimits } from "../messages/message_limits.ts";
import type { SharedValues } from "../shared/shared_values.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import type { CopySettings } from "./key_meter.ts";
import type { LeaseTimes } from "./lease.ts";
import type { BalanceSettings } from "./load_plan.ts";

/** What a node is made of. */
export interface ClusterNodeOptions {
  readonly engine: LogEngine;
  readonly clock: ClusterClock;
  readonly times: LeaseTimes;
  /**
   * Runs a task when all requests have been taken that came together: one append is for all of
   * them.
   *
   * @default each has come by itself
   */
  readonly soon?: ((task: () => void) => void) | undefined;
  /** Number of the node, 0 to 1023, of which a cluster has one. */
  readonly node: number;
  /** Key of the hash that finds the slot of a key; the same in all nodes. */
  readonly hashKey: readonly [number, number];
  /** Makes a name that no other life of any node has. */
  readonly nameLife: () => string;
  /** Where it takes requests, as `host:port`, if it does. */
  readonly address?: string | undefined;
  /**
   * How long what became of a request is kept in mind, in milliseconds.
   *
   * @default twice as long as requests may come
   */
  readonly evidenceMs?: number;
  /**
   * Keeps the index in the engine. All nodes of a cluster do, or none.
   *
   * @default all is in memory
   */
  readonly index?: IndexOptions;
  /**
   * What its messages may have; the same in all nodes.
   *
   * @default no message is longer than one of several records
   */
  readonly limits?: MessageLimits;
  /**
   * Gives slots to others when it has more to do than they have.
   *
   * @default it does not
   */
  readonly balance?: BalanceSettings | undefined;
  /**
   * Lends copies of keys that are read very often to those who read them.
   *
   * @default it does not
   */
  readonly copies?: CopySettings | undefined;
  /**
   * Shares values with a thread of its process.
   *
   * @default it does not
   */
  readonly shared?: SharedValues | undefined;
  /**
   * After so many messages of the control stream its state is written into it.
   *
   * @default 1000
   */
  readonly stateEvery?: number | undefined;
  /** Called when requests that waited have been answered: there may be room for others. */
  readonly settled?: () => void;
  /** Called once, when it has read what cannot be right, and does nothing any more. */
  readonly failed?: (error: unknown) => void;
  /**
   * Called when a key of a slot that this node serves has been changed, before that is answered.
   * That one has expired is told when its owner has noticed it.
   */
  readonly written?: (record: LogRecord) => void;
}
