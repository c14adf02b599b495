/**
 * A pool that knows of a session, as a version of the format has left it: what every later version
 * must know as well.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { claimSession } from "../../lib/gateway/session_evidence.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { MemoryDisk } from "./memory_disk.ts";
import type { Ask, Wish } from "./session_history.ts";
import { SessionHost } from "./session_host.ts";
import { issueAsk, KEYS, numbersOf, SUM_KEYS } from "./session_requests.ts";
import { require } from "./sim_model.ts";
import { DIRECTORY } from "./snapshots.ts";

/** The session of the fixture: its second one. */
export const FIXTURE_SESSION = 2;
/** Times that a fixture asks for all of it: the second time is behind the checkpoint. */
const ROUNDS = 2;

/** Requests of the fixture, each with its first number, and whether it has an effect. */
export function fixtureAsks(): { readonly ask: Ask; readonly number: number }[] {
  const [put, other] = KEYS as [typeof KEYS[0], typeof KEYS[0]];
  const nothing = { condition: 0, expectedVersion: 0, bytes: 0, addend: 0, expiresAtMs: Infinity };
  const wish = (key: Wish["key"], kind: Wish["kind"], more: Partial<Wish>): Wish => ({
    ...nothing,
    kind,
    key,
    slot: key!.slot,
    ...more,
  });
  const sum = SUM_KEYS[0]!;
  const wishes: Wish[][] = Array.from({ length: ROUNDS }, () => [
    [wish(put, "put", { bytes: 100 })],
    [wish(sum, "add", { addend: 2.5 })],
    [wish(other, "delete", {})],
    [wish(put, "put", { bytes: 20 }), wish(sum, "add", { addend: 1 })],
  ]).flat();
  let number = 1;
  return wishes.map((ofOne, i) => {
    const ask = { id: i + 1, process: 0, isCommit: ofOne.length > 1, wishes: ofOne };
    const first = number;
    number += numbersOf(ask);
    return { ask, number: first };
  });
}

/** Makes the fixture. */
export async function packSessionFixture(): Promise<Uint8Array> {
  const disk = new MemoryDisk();
  const { pool, client, log } = new SessionHost(disk);
  claimSession(pool);
  require(claimSession(pool) === FIXTURE_SESSION, "the fixture's session is its second one");
  const asks = fixtureAsks();
  for (const [i, { ask, number }] of asks.entries()) {
    await new Promise<number>((resolve, reject) => {
      issueAsk(client, ask, FIXTURE_SESSION, number, { settle: resolve, fail: reject });
    }).then((status) => require(status === Status.OK || status === Status.UNMET, "it ends well"));
    if (i + 1 === asks.length / ROUNDS) log.checkpointer.checkpoint();
  }
  const files = disk.list(DIRECTORY).map((name) => [
    name,
    Buffer.from(disk.fileContents(`${DIRECTORY}/${name}`)).toString("base64"),
  ]);
  return gzipSync(JSON.stringify(files), { level: 9 });
}

/** The disk of a fixture. */
export function unpackSessionFixture(bytes: Uint8Array): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [name, contents] of JSON.parse(gunzipSync(bytes).toString()) as [string, string][]) {
    disk.replaceFile(`${DIRECTORY}/${name}`, new Uint8Array(Buffer.from(contents, "base64")));
  }
  return disk;
}
