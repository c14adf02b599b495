/**
 * The rings of a KN, and which of its clients are busy.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ClientRings } from "../../lib/node/client_rings.ts";
import { createRing, REQUEST_TAIL } from "../../lib/rings/ring_layout.ts";
import { createRingRegion } from "../../lib/rings/ring_region.ts";
import { claimClient, HOST_CLIENT, releaseClient } from "../../lib/routing/client_registry.ts";
import { PoolFixture } from "../support/pool_fixture.ts";

const AGENT = 3;
const THREAD = { number: 1, startTicks: 1 };
const CLIENT_COUNT = 4;

test("clients are busy that have sent something within the last milliseconds", () => {
  const { pool } = new PoolFixture();
  const region = createRingRegion(CLIENT_COUNT, 64 * 1024, 1024);
  const hostRing = createRing(64 * 1024, 64);
  const rings = new ClientRings(pool, AGENT, hostRing, region);
  assert.is(claimClient(pool, CLIENT_COUNT, THREAD), HOST_CLIENT);
  const client = claimClient(pool, CLIENT_COUNT, THREAD)!;
  rings.update();
  const send = (words: Int32Array) => Atomics.add(words, REQUEST_TAIL, 1);
  const [host, attached] = rings.consumers;
  assert.is(rings.busyCount(0), 0, "none has sent anything since it is looked at");
  send(host!.words);
  assert.is(rings.busyCount(1), 1);
  send(attached!.words);
  assert.is(rings.busyCount(2), 2, "the other one still is");
  assert.is(rings.busyCount(6.5), 1, "the host has not sent anything for five milliseconds");
  send(host!.words);
  send(host!.words);
  assert.is(rings.busyCount(100), 1);
  assert.is(rings.busyCount(200), 0);
  send(attached!.words);
  releaseClient(pool, client);
  rings.update();
  assert.is(rings.busyCount(201), 0, "a client that has gone is none");
});

test.run();
