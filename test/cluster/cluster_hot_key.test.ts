/**
 * Three processes that are nodes, on a real server, and one key that all of them read, and that is
 * changed now and then: most reads are answered by those who read, and none finds less than was
 * acknowledged before it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sleep } from "../../lib/platform/runtime.ts";
import { open, type Store } from "../../mod.ts";
import { RUNTIMES } from "../../scripts/runtimes.ts";
import { ClusterUser } from "../support/cluster/cluster_user.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";

const READS = 1024;
const ROUNDS_MIN = 4;
const ROUNDS_MAX = 400;

test("a key that all read is answered from copies, and never as it was before a change", async () => {
  const servers = await NatsServers.start(1);
  const common = { servers: servers.urls, name: "shop", leaseMs: 3000 };
  const users: ClusterUser[] = [];
  let store: Store<number> | undefined;
  try {
    for (const [node, runtime] of RUNTIMES.entries()) {
      users.push(await ClusterUser.start({ ...common, node }, runtime));
    }
    const changing = store = await open<number>({ cluster: { ...common, node: false } });
    let mostCopied = 0;
    let rounds = 0;
    for (; rounds < ROUNDS_MIN || mostCopied <= READS / 2; rounds++) {
      assert.ok(rounds < ROUNDS_MAX, `${mostCopied} of ${READS} reads were answered from copies`);
      const sum = await changing.increment("hot");
      const reads = await Promise.all(users.map((user) => user.read("hot", READS)));
      for (const { first, last, isOrdered } of reads) {
        assert.equal({ first, last, isOrdered }, { first: sum, last: sum, isOrdered: true });
      }
      // The owner's process reads what its node shares. Of the two others, which has answered
      // fewer?
      const [, fewer] = reads.map(({ copied }) => copied).toSorted((a, b) => a - b);
      mostCopied = Math.max(mostCopied, fewer!);
    }
    // While they read, too.
    const reading = users.map((user) => user.read("hot", 8 * READS));
    let sum = rounds;
    for (let i = 0; i < 20; i++) sum = await changing.increment("hot");
    for (const { first, last, isOrdered } of await Promise.all(reading)) {
      assert.ok(
        isOrdered && first >= rounds && last <= sum,
        `${first}, ${last}: ${rounds}, ${sum}`,
      );
    }
    assert.is(await changing.get("hot"), sum);
    // When they ask for it the next time, their owner is told of them.
    for (let told = 0, tries = 0; told === 0; tries++) {
      assert.ok(tries < ROUNDS_MAX, "their owner is told of them");
      await sleep(25);
      const reads = await Promise.all(users.map((user) => user.read("hot", 1)));
      told = reads.reduce((sum, { served }) => sum + served, 0);
    }
    await Promise.all(users.map((user) => user.close()));
  } finally {
    await store?.close();
    for (const user of users) await user.kill();
    await servers.stop();
  }
});

test.run();
