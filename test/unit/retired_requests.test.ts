/**
 * Requests in flight to a KN that is gone, for a key that several KNs own.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NodeId } from "../../lib/core/brands.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { announceNodes, NO_NODE, NodeState, setNode } from "../../lib/routing/node_directory.ts";
import { type Ending, FarPair } from "../support/far_pair.ts";

const BACKLOG_BYTES = 64 * 1024;
const SECOND = 1 as NodeId;
const KEY = "key";

/**
 * A pair whose first KN, the one with the identity 0, has died with a put of a replicated key in
 * its ring.
 */
class Retirement {
  readonly pair = new FarPair(BACKLOG_BYTES);
  readonly put: Ending;

  constructor() {
    const { pair } = this;
    assert.ok(pair.moves.move(pair.slotOf(KEY), SECOND));
    this.replicate(KEY);
    this.put = pair.clients[0]!.put(KEY, 1);
    pair.running = [SECOND];
    setNode(pair.pool, 0, NO_NODE, NodeState.GONE);
    announceNodes(pair.pool);
  }

  /** Gives a key to all KNs that there are. */
  replicate(key: string): void {
    assert.is(this.pair.replication.tryReplicate(this.pair.encode(key), 2), "done");
  }

  /** Takes the key's cell away. */
  dereplicate(): void {
    assert.ok(this.pair.replication.tryDereplicate(this.pair.encode(KEY)));
  }

  /** What the put has come to when the KN that is left has made a step. */
  get status(): number | undefined {
    const [client] = this.pair.clients;
    client!.poll();
    this.pair.nodes[1]!.doWork();
    client!.poll();
    return this.put.status;
  }
}

test("it waits while the KN that is gone may have the key's cell", () => {
  const retirement = new Retirement();
  assert.is(retirement.status, undefined);
  retirement.pair.replication.tend();
  assert.is(retirement.status, Status.OK);
});

test("it is sent to the slot's owner when the cell has been freed meanwhile", () => {
  const retirement = new Retirement();
  retirement.dereplicate();
  assert.is(retirement.status, Status.OK);
});

test("it is sent again when the cell has been freed, and is another key's", () => {
  const retirement = new Retirement();
  retirement.dereplicate();
  retirement.replicate("other");
  assert.is(retirement.status, Status.OK);
});

test.run();
