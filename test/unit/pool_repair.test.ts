import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_ADDRESS, type NodeId, type PoolAddress } from "../../lib/core/brands.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import {
  metaKind,
  packMeta,
  RECORD_CLIENT,
  RECORD_META,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../../lib/log/record_layout.ts";
import { repairPool } from "../../lib/recovery/reconciliation.ts";
import { SEGMENT_PINS } from "../../lib/pool/segment_layout.ts";
import { COMPLETION_TAIL, createRing, ringWords } from "../../lib/rings/ring_layout.ts";
import { claimClient, packRecordClient, releaseClient } from "../../lib/routing/client_registry.ts";
import { beginTenancy, NodeState, setNode } from "../../lib/routing/node_directory.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const AGENT = 3;
const FIRST = 7 as NodeId;
const SECOND = 8 as NodeId;
const KEY_BYTES = 8;
const VALUE_BYTES = 600;
/** Number of the request that has reserved. */
const POSITION = 5;

interface Reservation {
  readonly fixture: PoolFixture;
  readonly address: PoolAddress;
  readonly client: number;
}

/**
 * A KN that has reserved room for a value of a client's, in its log or in a segment of staged
 * values.
 */
function reserve(isStaging: boolean): Reservation {
  const fixture = new PoolFixture();
  const { pool, segments } = fixture;
  const client = claimClient(pool, 4, { number: 0, startTicks: 0 })!;
  beginTenancy(pool, AGENT);
  setNode(pool, AGENT, FIRST, NodeState.ACTIVE);
  const log = new LogWriter(pool, segments, AGENT, { isStaging });
  const meta = packMeta(KEY_BYTES, RecordKind.RESERVATION, 0);
  const length = recordWords(meta, VALUE_BYTES);
  const address = log.reserve(length, 0);
  assert.is.not(address, NO_ADDRESS);
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  words[at + RECORD_VALUE_BYTES] = VALUE_BYTES;
  words[at + RECORD_META] = meta;
  words[at + RECORD_CLIENT] = packRecordClient(pool, client);
  words[at + RECORD_REQUEST_POSITION] = POSITION;
  segments.pin(address);
  segments.addLive(address, length * 4);
  log.seal();
  return { fixture, address, client };
}

/**
 * Repairs the pool; the KN that has the block now has answered so many requests. Returns whether
 * the room is still reserved.
 */
function isKept({ fixture, address }: Reservation, answeredCount: number): boolean {
  const { pool, segments } = fixture;
  const ring = createRing(4096, 16);
  Atomics.store(ringWords(ring), COMPLETION_TAIL, answeredCount);
  assert.ok(repairPool({ pool, deaths: [], ringOf: () => ring }));
  const segment = segments.isPinned(pool.segmentOf(address));
  const meta = pool.wordsOf(address)[pool.wordAt(address) + RECORD_META];
  assert.is(metaKind(meta) === RecordKind.RESERVATION, segment);
  return pool.control[pool.segmentAt(pool.segmentOf(address)) + SEGMENT_PINS] === 1;
}

for (const isStaging of [false, true]) {
  const where = isStaging ? "a staged value" : "the log";

  test(`room in ${where} is kept for a client that was told of it, and for no other`, () => {
    const told = reserve(isStaging);
    assert.ok(isKept(told, POSITION));
    assert.ok(isKept(told, POSITION), "a second repair changes nothing");
    assert.not.ok(isKept(reserve(isStaging), POSITION - 1), "its client will ask again");
    const left = reserve(isStaging);
    releaseClient(left.fixture.pool, left.client);
    assert.not.ok(isKept(left, POSITION));
  });

  test(`room in ${where} is kept when the block of the KN that has answered is another one's (I5)`, () => {
    const told = reserve(isStaging);
    const { pool, segments } = told.fixture;
    setNode(pool, AGENT, FIRST, NodeState.GONE);
    assert.ok(isKept(told, POSITION));
    setNode(pool, AGENT, SECOND, NodeState.NONE);
    assert.ok(isKept(told, 0));
    beginTenancy(pool, AGENT);
    assert.ok(isKept(told, 0), "before anybody hears of the next KN");
    setNode(pool, AGENT, SECOND, NodeState.ACTIVE);
    // The client is about to commit it at the slot's new owner, and the new KN's rings know nothing
    // of it.
    assert.ok(isKept(told, 0));
    assert.is.not(segments.liveBytes(pool.segmentOf(told.address)), 0);
    releaseClient(pool, told.client);
    assert.not.ok(isKept(told, 0));
  });
}

test.run();
