/**
 * Round trips of a cluster are counted as they are: messages are found in any bytes, told apart by
 * their subjects, and added up by kinds of operations; and a small run has counted what its clients
 * have asked for.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { renderSvg } from "../bench/report/charts.ts";
import { roundTripsChart } from "../bench/round_trips/chart.ts";
import { KEPT_VALUE_BYTES, keyOf, nodeCacheBytes } from "../bench/round_trips/load.ts";
import type { Measured } from "../bench/round_trips/measured.ts";
import { type NatsMessage, NatsMessages } from "../bench/round_trips/nats_messages.ts";
import { perKind } from "../bench/round_trips/operation_kinds.ts";
import {
  agreementOf,
  formatRoundTrips,
  measureRoundTrips,
  rowOf,
} from "../bench/round_trips/results.ts";
import {
  CountedWire,
  WIRE_KINDS,
  type WireCounts,
  wireKindOf,
  wireSince,
  wireSum,
} from "../bench/round_trips/wire_counts.ts";

const encoder = new TextEncoder();

test("messages are found in bytes however they are cut", () => {
  const bytes = encoder.encode([
    'INFO {"server_id":"a b"}\r\n',
    "PUB shop.log-1.records _INBOX.1 11\r\nPUB a b 1\r\n\r\n",
    "PUB no.reply 0\r\n\r\n",
    "hpub with.headers 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    "HPUB with.both _INBOX.2 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    "MSG _INBOX.1 7 3\r\nabc\r\n",
    "MSG subject 7 answer.to 3\r\nabc\r\n",
    "HMSG subject 7 answer.to 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    "HMSG subject 7 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    "PING\r\n",
  ].join(""));
  const wanted = [
    ["INFO", undefined, undefined],
    ["PUB", "shop.log-1.records", "_INBOX.1"],
    ["PUB", "no.reply", undefined],
    ["HPUB", "with.headers", undefined],
    ["HPUB", "with.both", "_INBOX.2"],
    ["MSG", "_INBOX.1", undefined],
    ["MSG", "subject", "answer.to"],
    ["HMSG", "subject", "answer.to"],
    ["HMSG", "subject", undefined],
    ["PING", undefined, undefined],
  ];
  for (let part = 1; part <= bytes.length; part++) {
    const found: NatsMessage[] = [];
    const messages = new NatsMessages((message) => found.push(message));
    for (let at = 0; at < bytes.length; at += part) messages.push(bytes.subarray(at, at + part));
    assert.equal(found.map(({ verb, subject, reply }) => [verb, subject, reply]), wanted);
  }
});

test("bytes that are no messages are refused, and not kept for ever", () => {
  const messages = () => new NatsMessages(() => {});
  const noLength = "PUB subject long\r\n";
  const isRangeError = (error: Error) => error instanceof RangeError;
  assert.throws(() => messages().push(encoder.encode(noLength)), isRangeError);
  const endless = messages();
  const piece = new Uint8Array(256 * 1024).fill(65);
  assert.throws(() => {
    for (let i = 0; i < 5; i++) endless.push(piece);
  }, isRangeError);
});

test("what a request is for stands in its subject", () => {
  const kinds = {
    "$JS.API.DIRECT.GET.shop-log-3": "record",
    "$JS.API.DIRECT.GET.shop-index-3": "page",
    "$JS.API.DIRECT.GET.shop-control": "other",
    "$JS.API.DIRECT.GET.shop2-log-3": "other",
    "shop.log-3.records": "append",
    "shop.log-3.moved": "index",
    "shop.log-3.own": "control",
    "shop.index-3.page.17": "merge",
    "shop.index-3.directory.17": "index",
    "shop.index-3.checkpoint": "index",
    "shop.control.renew": "control",
    "$JS.API.CONSUMER.MSG.NEXT.shop-log-3.x": "other",
    "$JS.API.STREAM.INFO.shop-log-3": "other",
    "other.log-3.records": "other",
  };
  for (const [subject, kind] of Object.entries(kinds)) {
    assert.is(wireKindOf("shop", subject), kind, subject);
  }
});

test("a round trip is a request and its first answer, of one connection", () => {
  const wire = CountedWire.counting("shop");
  const [one, other] = [wire.listen(), wire.listen()];
  const ask = (listener: typeof one, text: string) => listener(encoder.encode(text), false);
  const answer = (listener: typeof one, text: string) => listener(encoder.encode(text), true);
  ask(one, 'PUB $JS.API.DIRECT.GET.shop-log-1 inbox.1 9\r\n{"seq":1}\r\n');
  ask(one, "PUB shop.log-1.records inbox.2 1\r\nx\r\nPUB shop.log-1.records inbox.3 1\r\nx\r\n");
  answer(other, "MSG inbox.1 1 2\r\n{}\r\n");
  answer(one, "HMSG inbox.1 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG inbox.1 1 2\r\n{}\r\n");
  answer(one, "MSG inbox.3 1 2\r\n{}\r\nMSG inbox.9 1 2\r\n{}\r\n");
  const before = wire.counts;
  assert.equal(before.record, { requests: 1, roundTrips: 1 });
  assert.equal(before.append, { requests: 2, roundTrips: 1 });
  assert.equal(before.page, { requests: 0, roundTrips: 0 });
  answer(one, "MSG inbox.2 1 2\r\n{}\r\n");
  assert.equal(wireSince(wire.counts, before).append, { requests: 0, roundTrips: 1 });
  assert.equal(wireSum([before, before]).append, { requests: 4, roundTrips: 2 });
});

test("the clusters' caches have room for as many values as the experiments'", () => {
  assert.is(keyOf(7).length, 8);
  assert.is(nodeCacheBytes(1000), 10 * (KEPT_VALUE_BYTES + 8 + 64));
});

const NONE = Object.fromEntries(
  WIRE_KINDS.map((kind) => [kind, { requests: 0, roundTrips: 0 }]),
) as WireCounts;

function asked(counts: Partial<Record<keyof WireCounts, number>>): WireCounts {
  const entries = Object.entries(counts).map(([kind, n]) => [kind, { requests: n, roundTrips: n }]);
  return { ...NONE, ...Object.fromEntries(entries) };
}

test("round trips of operations are those without what is asked anyway", () => {
  const served = {
    valueHits: 500,
    shortcutHits: 250,
    misses: 200,
    absent: 0,
    copiedReads: 0,
    readRoundTrips: 650,
    changes: 50,
    changeRoundTrips: 25,
    // 3 and 10 messages of the index were written, 10 pages read for these, and 50 messages
    // besides.
    roundTrips: 723,
    cacheBytes: 0,
    unmergedBytes: 0,
  };
  const measured: Measured = {
    nodeCount: 2,
    reads: 950,
    changes: 50,
    seconds: 10,
    wire: asked({ record: 490, page: 220, append: 25, merge: 10, index: 3, control: 60 }),
    idle: asked({ record: 8, page: 2, control: 12 }),
    idleSeconds: 2,
    served,
  };
  const predicted = perKind({ ...served, changeRoundTrips: 50 });
  const row = rowOf(measured, predicted);
  assert.equal(row.wire, row.stats);
  assert.is(row.wire.operation.roundTripsEach, 0.675);
  assert.is(row.wire.miss.roundTripsEach, 2);
  assert.is(row.wire.change.roundTripsEach, 0.5);
  assert.is(predicted.operation.roundTripsEach, 0.7);
  assert.equal(agreementOf(measured), { said: 748, seen: 748 });
  const text = formatRoundTrips({ size: "smoke", rows: [row] });
  assert.match(text, /all +100\.0 % +100\.0 % +100\.0 % +0\.70 +0\.68 +0\.68 +0\.96 x/);
  assert.match(text, /seen 748, by stats\(\) 748/);
});

test("a cluster is counted, predicted and drawn, and says what was seen", async () => {
  const results = await measureRoundTrips("smoke", 7);
  const [row] = results.rows;
  const { reads, changes, wire, served } = row!.measured;
  const { valueHits, shortcutHits, misses } = served;
  assert.is(reads + changes, 400);
  assert.is(valueHits + shortcutHits + misses, reads);
  assert.is(served.changes, changes);
  assert.is(served.changeRoundTrips, wire.append.roundTrips);
  const seen = wire.record.roundTrips + wire.page.roundTrips;
  assert.ok(seen >= served.readRoundTrips, `${seen} seen, ${served.readRoundTrips} said`);
  assert.ok(row!.predicted.operation.roundTripsEach > 0);
  const svg = await renderSvg(roundTripsChart(results));
  assert.match(svg, /Round trips per operation of a cluster/);
});

test.run();
