/**
 * The control stream is kept short: what a state says that stands in it is what all messages before
 * it add up to, and who has not read those begins with it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Command, decode, encode, type Fenced } from "../../lib/cluster/control/command.ts";
import { CONTROL_STREAM, ControlLog } from "../../lib/cluster/control/control_log.ts";
import { ControlState } from "../../lib/cluster/control/control_state.ts";
import type { ClusterNode } from "../../lib/cluster/node/cluster_node.ts";
import type { ClusterAnswer } from "../../lib/cluster/node/requests.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import { FrameError } from "../../lib/wire/frame.ts";
import { ask, getOf, ownerOf, putOf } from "../support/cluster/cluster_requests.ts";
import { ALL_NEMESES, SIM_LEASE, SimCluster } from "../support/cluster/sim_cluster.ts";
import { ToldClock, ToldEngine } from "../support/cluster/told_engine.ts";
import { seeded } from "../support/random.ts";

const INDEX = { cacheBytes: 1000, checkpointMs: 300 };

const renewal = (node: number, holder: string, follows: number): Command => ({
  kind: "renew",
  node,
  holder,
  number: 1,
  follows,
});

/** What happened in a cluster in which much goes wrong. */
function commandsOf(seed: number): Command[] {
  const made = new SimCluster({
    seed,
    ms: 6000,
    nemeses: ALL_NEMESES,
    partsOf: () => ({ index: INDEX, stateEvery: Infinity }),
  });
  made.runAll();
  const commands = made.engine.messagesOf(CONTROL_STREAM).map(({ body }) => decode(body));
  return [...commands, ...endOf(commands)];
}

/** All nodes lose their leases, and another one takes their slots: without fences at first. */
function endOf(commands: readonly Command[]): Command[] {
  const state = new ControlState();
  commands.forEach((command, i) => state.apply(i + 1, command));
  const end: Command[] = [];
  const add = (command: Command) => {
    end.push(command);
    return state.apply(state.sequence + 1, command);
  };
  for (const node of state.members()) {
    assert.ok(add({ kind: "revoke", node, follows: state.leaseOf(node)!.sequence }));
  }
  assert.ok(add(renewal(900, "last", 0)));
  const assign = (fenced: readonly Fenced[]) =>
    add({
      kind: "assign",
      node: 900,
      holder: "last",
      follows: state.mapSequence,
      moves: [[5, 900]],
      barriers: fenced.map(([node]) => [node, 1]),
      fenced,
    });
  assert.not.ok(assign([]));
  assert.ok(assign([...state.unfenced]));
  return end;
}

const pictureOf = (state: ControlState) => JSON.stringify(state.picture());

test(
  "who begins with a state comes to what those come to who have read everything",
  seeded((random) => {
    const commands = commandsOf(random.below(1000));
    assert.ok(commands.length > 50);
    const whole = new ControlState();
    const others: ControlState[] = [];
    commands.forEach((command, i) => {
      const counts = whole.apply(i + 1, command);
      for (const other of others) assert.is(other.apply(i + 1, command), counts);
      if (random.below(10) > 0 && whole.unfenced.size === 0) return;
      const state = encode({ kind: "state", at: i + 1, state: whole.picture() });
      const read = decode(state);
      if (read.kind !== "state") return assert.unreachable();
      const other = new ControlState();
      other.load(read.at, read.state);
      assert.is(pictureOf(other), pictureOf(whole));
      others.push(other);
    });
    assert.ok(others.length > 2);
    for (const other of others) {
      assert.is(pictureOf(other), pictureOf(whole));
      assert.equal(other.members(), whole.members());
      for (const node of whole.nodes()) {
        assert.equal(other.leaseOf(node), whole.leaseOf(node));
        assert.is(other.needs.purgeableLog(node), whole.needs.purgeableLog(node));
      }
    }
  }),
);

test("a state that cannot be one is refused", () => {
  const state = new ControlState();
  const picture = state.picture();
  assert.is(decode(encode({ kind: "state", at: 0, state: picture })).kind, "state");
  const wrong = [
    { slots: [[4095, -1, 0, -1, 0]] },
    { slots: [[4096, 1024, 0, -1, 0]] },
    { leases: [[1, 2, 3, "holder"]] },
    { barriers: [[1, -1]] },
    { needs: [[1, [[1, 2]], []]] },
    { positions: [[1, 2, 3, 0.5]] },
    { settings: { keys: 1 } },
  ];
  for (const parts of wrong) {
    const command = { kind: "state", at: 0, state: { ...picture, ...parts } } as unknown as Command;
    assert.throws(() => decode(encode(command)), (error: Error) => error instanceof FrameError);
  }
});

/** Follows what a test tells. */
function follow() {
  const engine = new ToldEngine();
  const clock = new ToldClock();
  const told: string[] = [];
  let lives = 0;
  const control = new ControlLog({
    engine,
    clock,
    times: SIM_LEASE,
    node: 1,
    nameLife: () => `life ${++lives}`,
    changed: ({ kind }) => told.push(kind),
    lost: () => told.push("lost"),
    loaded: () => told.push("loaded"),
    failed: (error) => told.push(String(error)),
  });
  const take = (sequence: number, command: Command) =>
    engine.take!({ sequence, subject: "", body: encode(command) });
  return { engine, clock, control, told, take };
}

test("who finds that messages are missing has no lease, and goes on from a state that has them", () => {
  const { clock, control, told, take } = follow();
  control.renew();
  take(1, renewal(1, "life 1", 0));
  assert.is(control.lease.holds(), true);
  const earlier = control.state.picture();
  const other = new ControlState();
  other.apply(1, renewal(1, "life 1", 0));
  other.apply(2, renewal(2, "two", 0));
  // Number 2 is missing.
  take(3, renewal(3, "three", 0));
  assert.equal([control.lease.holds(), control.term], [false, undefined]);
  take(4, { kind: "state", at: 1, state: earlier });
  assert.equal(told, ["renew", "lost"], "that one does not have what is missing");
  clock.pass(SIM_LEASE.leaseMs - 1);
  take(5, { kind: "state", at: 2, state: other.picture() });
  assert.equal(told, ["renew", "lost", "loaded", "renew"]);
  assert.equal(control.state.members(), [1, 2, 3]);
  assert.is(control.state.sequence, 5);
  assert.equal([control.lease.holds(), control.term], [false, undefined], "it is another life");
  // Others may have renewed theirs until now.
  clock.pass(SIM_LEASE.leaseMs - 1);
  assert.equal(control.liveMembers(), [1, 2, 3]);
  clock.pass(1);
  assert.equal(control.liveMembers(), []);
});

test("who begins where everything before was purged waits for a state", () => {
  const { engine, control, told, take } = follow();
  const state = new ControlState();
  for (let i = 1; i <= 3; i++) state.apply(i, renewal(i, "some", 0));
  take(4, renewal(4, "some", 0));
  control.renew();
  control.revokeEnded();
  assert.equal([engine.appends.length, told], [0, ["lost"]], "it knows nothing, and says nothing");
  take(5, { kind: "state", at: 3, state: state.picture() });
  assert.equal(control.state.members(), [1, 2, 3, 4]);
  take(8, renewal(5, "some", 0));
  take(10, { kind: "state", at: 8, state: state.picture() });
  assert.equal(told, ["lost", "loaded", "renew", "lost", "lost"], "number 9 is missing, too");
});

/** Whether what is in the control stream is enough for who has read nothing. */
function canBegin(made: SimCluster): boolean {
  const { first } = made.engine.extent(CONTROL_STREAM)!;
  return first === 1 || made.engine.messagesOf(CONTROL_STREAM).slice(first - 1).some((message) => {
    const command = decode(message.body);
    return command.kind === "state" && command.at >= first - 1 && command.at < message.sequence;
  });
}

test("a cluster goes on for long with a short control stream, and others join it", () => {
  const rates = { monotonic: 1, epoch: 1 };
  const made = new SimCluster({
    seed: 3,
    nodeCount: 2,
    ratesOf: () => rates,
    partsOf: () => ({ index: INDEX, stateEvery: 10 }),
  });
  made.time.run(2000);
  const node = (number: number) => made.nodes[number]!.node;
  const askOwner = (key: string, request: ReturnType<typeof getOf>) => {
    let answer: ClusterAnswer | undefined;
    ask(node(ownerOf(node(0), key)), request, (given) => answer = given);
    made.time.run(500);
    return answer;
  };
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  for (const [i, key] of keys.entries()) askOwner(key, putOf(key, new Uint8Array([i])));
  for (let second = 0; second < 25; second++) {
    made.time.run(1000);
    assert.ok(canBegin(made), "whoever begins to read now finds a state, or the beginning");
  }
  const { first, last } = made.engine.extent(CONTROL_STREAM)!;
  assert.ok(last > 70 && last - first <= 30, `${first} to ${last} of the control stream`);
  made.startNode(2);
  made.time.run(5000);
  made.nodes[0]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs + 3000);
  const served = [1, 2].map((number) => node(number).servedSlotCount);
  assert.ok(served.every((count) => count > 1000), String(served));
  for (const [i, key] of keys.entries()) {
    const owner = node(ownerOf(node(1), key));
    let value: number | undefined;
    ask(owner, getOf(key), (answer) => value = answer.value[0]);
    made.time.run(500);
    assert.is(value, i, key);
  }
});

test("what a node writes counts that has missed messages, and has come back", () => {
  const rates = { monotonic: 1, epoch: 1 };
  const parts = { ratesOf: () => rates, partsOf: () => ({ stateEvery: 10 }) };
  const made = new SimCluster({ seed: 3, nodeCount: 2, ...parts });
  made.time.run(3000);
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  // Longer than its lease, and than what is left of the control stream.
  made.nodes[1]!.process.cutUntilMs = made.time.nowMs + 30_000;
  made.time.run(30_000);
  const { first } = made.engine.extent(CONTROL_STREAM)!;
  const node = (number: number) => made.nodes[number]!.node;
  assert.ok(first > node(1).routeOf(0).routedBy + 10, "it has missed messages");
  made.time.run(10_000);
  const askOwner = (of: ClusterNode, request: ReturnType<typeof getOf>) => {
    let answer: ClusterAnswer | undefined;
    ask(of, request, (given) => answer = given);
    made.time.run(500);
    return answer;
  };
  const own = keys.filter((key) => ownerOf(node(0), key) === 1);
  assert.ok(own.length > 0 && own.length < keys.length, `${own.length} of ${keys.length}`);
  for (const key of own) {
    assert.is(askOwner(node(1), putOf(key, new Uint8Array([7])))!.status, Status.OK, key);
  }
  made.nodes[1]!.process.kill();
  made.time.run(SIM_LEASE.leaseMs + 3000);
  for (const key of own) assert.is(askOwner(node(0), getOf(key))!.value[0], 7, key);
});

test.run();
