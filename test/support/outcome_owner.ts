/**
 * The owner of all slots: a KN with a client in the same thread, which runs a history, one
 * operation on a random key after the other.
 *
 * @module
 */
import { requestLength } from "../../lib/client/request_draft.ts";
import { RequestWriter } from "../../lib/client/request_writer.ts";
import type { NodeId } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { packMeta, RecordKind } from "../../lib/log/record_layout.ts";
import { KvsNode } from "../../lib/node/kvs_node.ts";
import { Pool, type PoolHandle } from "../../lib/pool/pool.ts";
import { RequestConsumer } from "../../lib/rings/request_consumer.ts";
import { RequestProducer } from "../../lib/rings/request_producer.ts";
import {
  COMPLETION_STATUS,
  Condition,
  createRing,
  Operation,
  packOperation,
  REQUEST_OWNER_WORD,
  Status,
  statusOf,
} from "../../lib/rings/ring_layout.ts";
import { firstOwnerWord } from "../../lib/routing/ownership.ts";
import { History, type HistoryPlan } from "./outcome_history.ts";
import { opponent } from "./outcome_race.ts";
import { mixBelow } from "./outcome_random.ts";

const NODE = 0 as NodeId;

/** What it is given. */
export interface OwnerData {
  readonly pool: PoolHandle;
  readonly plan: HistoryPlan;
}

/** What it did. */
export interface OwnerReport {
  readonly applied: number;
  readonly refused: number;
}

opponent<OwnerData>(({ pool: handle, plan }, turns): OwnerReport => {
  const pool = Pool.attach(handle);
  const ring = createRing(8192, 8);
  const producer = new RequestProducer(ring);
  const bytes = new Uint8Array(ring.buffer);
  const consumers = [new RequestConsumer(ring)];
  const node = new KvsNode({ pool, nodeId: NODE, agent: 0, consumers, clock: () => 0 });
  const writer = new RequestWriter(0);
  const history = new History(plan);
  const key = new KeyEncoder(...pool.hashKey);

  function execute(index: number, number: number): number {
    history.encode(index, key);
    const isDelete = history.isDelete(number);
    const value = isDelete ? new Uint8Array(0) : history.value(index, number);
    const draft = {
      operation: packOperation(isDelete ? Operation.DELETE : Operation.PUT, Condition.NONE),
      meta: packMeta(key.byteLength, isDelete ? RecordKind.DELETE : RecordKind.PUT, 0),
      key,
      value: { bytes: value, start: 0, end: value.length },
      expiresAtMs: Infinity,
      expectedVersion: 0,
    };
    const at = producer.claim(requestLength(draft));
    writer.write(draft, producer.words, bytes, at);
    producer.words[at + REQUEST_OWNER_WORD] = firstOwnerWord(NODE);
    producer.publish();
    while (!producer.hasCompletion()) node.doWork();
    const status = statusOf(producer.words[producer.completionAt() + COMPLETION_STATUS]!);
    producer.settle();
    return status;
  }

  let applied = 0;
  let refused = 0;
  while (turns.next()) {
    const index = mixBelow(turns.count, 11, history.keyCount);
    const number = history.begin(index);
    const exists = history.endedNumber(index) > 0 && !history.isDelete(history.endedNumber(index));
    const status = execute(index, number);
    // A full log refuses a put, and the key stays as it is; a delete of nothing has nothing to do.
    if (status === Status.LOG_FULL && !history.isDelete(number)) {
      refused += 1;
      continue;
    }
    const expected = history.isDelete(number) && !exists ? Status.UNMET : Status.OK;
    if (status !== expected) {
      throw new Error(`key ${index}, operation ${number}: status ${status} instead of ${expected}`);
    }
    history.end(index, number);
    applied += 1;
  }
  node.close();
  return { applied, refused };
});
