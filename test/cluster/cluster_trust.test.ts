/**
 * Connections between the processes of a cluster, and to its servers, where others may be on the
 * way: who is not trusted is refused, on both sides, with the reason.
 *
 * @module
 */
import type { TlsIdentity } from "../../lib/core/cluster_identity.ts";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, type Server } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PLAIN_MESSAGE_BYTES_MAX } from "../../lib/cluster/messages/message_limits.ts";
import { connectTcp, type LinkFailure, NodeLink } from "../../lib/cluster/network/node_link.ts";
import { addressOf, listenTcp, NodeServer } from "../../lib/cluster/network/node_server.ts";
import {
  type ClusterOptions,
  InvalidOptionError,
  open,
  type Store,
  UnavailableError,
  UntrustedNodeError,
} from "../../mod.ts";
import { TestAuthority } from "../support/cluster/certificates.ts";
import { until } from "../support/cluster/cluster_user.ts";
import { makeNatsCredentials } from "../support/cluster/nats_users.ts";
import { NatsServers } from "../support/cluster/nats_servers.ts";
import { temporaryPath } from "../support/temporary.ts";

const SECRET = "what nobody else knows";
const authority = new TestAuthority("ours");
const other = new TestAuthority("theirs");
const good = authority.sign();

function identity(tls: { cert: string; key: string; ca: string }): TlsIdentity {
  return { ...tls, passphrase: undefined };
}

/** A node that executes nothing, and what it has said of who has connected. */
interface Listening {
  readonly listener: Server;
  readonly server: NodeServer;
  readonly refused: string[];
}

async function listening(tls: TlsIdentity | undefined, secret?: string): Promise<Listening> {
  const listener = await listenTcp("127.0.0.1", 0, tls);
  const refused: string[] = [];
  const server = NodeServer.serve(listener, {
    node: 3,
    tls,
    secret,
    executor: { isCrowded: false, clockMs: () => 0, execute() {} },
    rules: { hashKey: [1, 2], keyTypes: 1 },
    messageBytes: PLAIN_MESSAGE_BYTES_MAX,
    answer: () => {
      throw new Error("nobody calls");
    },
    onDistrust: (from, reason) => refused.push(`${from} ${reason}`),
  });
  return { listener, server, refused };
}

/** Connects; undefined if the node takes requests. */
function linked(
  { listener }: Listening,
  tls: TlsIdentity | undefined,
  { secret, host, scheme = tls !== undefined }: {
    secret?: string;
    host?: string;
    scheme?: boolean;
  },
): Promise<LinkFailure | undefined> {
  return new Promise((resolve) => {
    const onOpen = () => {
      resolve(undefined);
      link.close();
    };
    const link = new NodeLink({
      connect: connectTcp,
      address: addressOf(listener, host, scheme),
      node: 3,
      session: 1,
      number: 1,
      secret,
      tls,
      messageBytes: PLAIN_MESSAGE_BYTES_MAX,
      ends: { onOpen, onAnswers() {}, onCall() {}, onEnd: resolve },
    });
  });
}

test("who is trusted is let in, and who is not is told why, as is the node", async () => {
  const expired = authority.sign({ endsInMs: -1000 });
  const elsewhere = authority.sign({ names: ["elsewhere"] });
  const alien = other.sign();
  const mixed = { ...alien, ca: good.ca };
  type Row = readonly [of: typeof good, by: typeof good, said: RegExp | undefined, noted: RegExp];
  // A runtime may tell the node that the handshake has not come to an end.
  const ENDED = /seen the certificate|no encrypted connection is made/;
  const rows: readonly Row[] = [
    [good, good, undefined, /^$/],
    [mixed, good, /of an authority that is not in cluster\.tls\.ca/, ENDED],
    [elsewhere, good, /is not for 127\.0\.0\.1, but for DNS:elsewhere/, ENDED],
    [expired, good, /its certificate has expired, on /, ENDED],
    [good, mixed, /^it says of this process: .* of an authority that is not/, /of an authority/],
    [good, expired, /^it says of this process: its certificate has expired/, /has expired/],
    // What a client is called does not matter.
    [good, elsewhere, undefined, /^$/],
  ];
  for (const [of, by, said, noted] of rows) {
    const node = await listening(identity(of));
    const failure = await linked(node, identity(by), {});
    if (said === undefined) assert.is(failure, undefined);
    else {
      assert.match(failure!.reason, said);
      assert.ok(failure!.isDistrust);
      await until("the node notes it", () => node.refused.length > 0);
    }
    assert.match(node.refused.join(), noted);
    await node.server.close();
  }
});

test("a secret is asked for, and shown by both", async () => {
  const tls = identity(good);
  const rows = [
    [SECRET, SECRET, undefined, /^$/],
    [SECRET, "another one, and wrong", /^it does not know the cluster.secret/, /has not shown/],
    [SECRET, undefined, /^it asks for cluster\.secret/, /has not shown/],
    [undefined, SECRET, /^it does not know the cluster\.secret/, /^$/],
  ] as const;
  for (const [of, by, said, noted] of rows) {
    const node = await listening(tls, of);
    const failure = await linked(node, tls, by === undefined ? {} : { secret: by });
    if (said === undefined) assert.is(failure, undefined);
    else assert.match(failure!.reason, said);
    assert.is(failure?.isDistrust, said === undefined ? undefined : true);
    if (noted.source !== "^$") await until("it is noted", () => node.refused.length > 0);
    assert.match(node.refused.join(), noted);
    await node.server.close();
  }
});

test("nothing is sent to where connections are not as they must be", async () => {
  const tls = identity(good);
  const node = await listening(tls);
  const plain = await listening(undefined);
  const reasonOf = async (...[of, by, how]: Parameters<typeof linked>) =>
    `${(await linked(of, by, how))?.reason}`;
  assert.match(await reasonOf(node, undefined, { scheme: true }), /^it asks for cluster\.tls/);
  assert.match(await reasonOf(plain, tls, { scheme: false }), /^cluster\.tls is given here/);
  assert.match(
    await reasonOf(plain, undefined, { host: "192.0.2.1" }),
    /^it is on another machine/,
  );
  // The address says something else than what is there.
  assert.ok(await linked(plain, tls, {}) !== undefined);
  assert.ok(await linked(node, undefined, {}) !== undefined);
  await until("the node notes it", () => /no encrypted connection/.test(node.refused.join()));
  const { port } = node.listener.address() as { port: number };
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\n\r\n");
  socket.resume();
  await once(socket, "close");
  assert.is(await linked(node, tls, {}), undefined);
  await node.server.close();
  await plain.server.close();
});

let servers: NatsServers;
let cluster: ClusterOptions;
let store: Store<number>;

test("a cluster with certificates is opened, and used", async () => {
  servers = await NatsServers.start(1);
  cluster = { servers: servers.urls, name: "safe", secret: SECRET, tls: good, leaseMs: 2000 };
  store = await open({ cluster: { ...cluster, advertise: "localhost" } });
  await store.put("first", 1);
  assert.match(`${store.stats().cluster!.nodes[0]!.address}`, /^tls:\/\/localhost:\d+$/);
  const second = await open<number>({ cluster });
  await Promise.all(Array.from({ length: 100 }, (_, i) => second.put(`key ${i}`, i)));
  assert.equal(await store.getMany(["key 5", "key 77"]), [5, 77]);
  const sums = await Promise.all(Array.from({ length: 50 }, () => store.increment("sum")));
  assert.equal(sums, Array.from({ length: 50 }, (_, i) => i + 1));
  await second.close();
  assert.is(await store.get("key 99"), 99);
  assert.equal(store.stats().cluster!.refused, { count: 0, last: undefined });
});

/** Opens, which has to be refused. */
async function refused(changed: Partial<ClusterOptions>): Promise<Error> {
  try {
    await (await open({ cluster: { ...cluster, ...changed } })).close();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it must be refused");
}

test("who is not trusted does not open it", async () => {
  const { ca } = authority;
  const alien = other.sign();
  for (const node of [false, true]) {
    const without = await refused({ tls: undefined, node });
    assert.instance(without, UntrustedNodeError);
    assert.match(without.message, /^node 0 at tls:\/\/localhost:\d+ and .*asks for cluster\.tls/);
    const foreign = await refused({ tls: { ...alien, ca }, node });
    assert.instance(foreign, UntrustedNodeError);
    assert.match(foreign.message, "it says of this process: its certificate is of an authority");
    const trusting = await refused({ tls: { ...good, ca: [other.ca] }, node });
    assert.match(trusting.message, "its certificate is of an authority that is not");
  }
  const told = () => store.stats().cluster!.refused;
  await until("the node tells who was refused", () => told().count >= 2);
  assert.match(`${told().last}`, /^(?:::ffff:)?127\.0\.0\.1: |^: no encrypted/);
  assert.instance(await refused({ secret: "another one, and wrong" }), InvalidOptionError);
  assert.is(await store.get("key 7"), 7);
});

test("a node that others would not trust does not join", async () => {
  const ofOther = await refused({ tls: authority.sign({ names: ["elsewhere"] }) });
  assert.instance(ofOther, InvalidOptionError);
  assert.match(ofOther.message, /^cluster\.tls must be what other .*is not for 127\.0\.0\.1/);
  const advertised = await refused({ advertise: "elsewhere:7000" });
  assert.match(advertised.message, /is not for elsewhere, but for/);
  const { message } = await refused({ tls: authority.sign({ endsInMs: -1000 }) });
  assert.match(message, /^cluster\.tls\.cert must be valid, but has expired/);
  assert.match(
    (await refused({ tls: { ...good, cert: "x" } })).message,
    "cluster.tls.cert must be PEM",
  );
  const wrongKey = await refused({ tls: { ...good, key: "a word that is a key" } });
  assert.match(wrongKey.message, "cluster.tls.key must be PEM");
  assert.not.match(wrongKey.message, "a word");
  assert.equal(store.stats().cluster!.nodes.map(({ node }) => node), [0]);
});

test("where other machines are, certificates and a secret are asked for", async () => {
  const rule = /^cluster\.tls and cluster\.secret must both be given where other machines/;
  for (const place of [{ host: "10.0.0.1" }, { host: "0.0.0.0", advertise: "a.example" }]) {
    for (const missing of [{ tls: undefined }, { secret: undefined }]) {
      const error = await refused({ ...place, ...missing });
      assert.instance(error, InvalidOptionError);
      assert.match(error.message, rule);
    }
  }
  assert.match((await refused({ advertise: "a.example", tls: undefined })).message, rule);
  assert.match((await refused({ host: "0.0.0.0" })).message, /^cluster\.advertise must say/);
  assert.match((await refused({ advertise: "a b" })).message, /^cluster\.advertise must be as/);
  assert.match((await refused({ tls: { ...good, ca: [] } })).message, /^cluster\.tls\.ca must be/);
  const more = { ...good, cypher: 1 } as never;
  assert.match(
    (await refused({ tls: more })).message,
    /^cluster\.tls must have options among cert/,
  );
  for (const nats of [{ user: "a" }, { password: "a" }, { user: "a", password: "b", token: "c" }]) {
    assert.match((await refused({ nats })).message, /^cluster\.nats must have user and password/);
  }
});

test("it listens at any address, and is reached where it says", async () => {
  const second = await open<number>({
    cluster: { ...cluster, host: "0.0.0.0", advertise: "localhost" },
  });
  await second.put("any", 1);
  assert.is(await store.get("any"), 1);
  await second.close();
  await store.close();
  await servers.stop();
});

test("servers of NATS are shown a user, a token or credentials, and are known by a certificate", async () => {
  const { config, credentials } = makeNatsCredentials();
  const ofCertificates = certificateConfig();
  const rows = [
    // She may do what docs/cluster.md lists, and nothing else.
    [
      "authorization { users: [{ user: ann, password: pw1, permissions: { " +
      'publish: ["$JS.API.>", "named.>"], subscribe: ["_INBOX.>"] } }] }',
      { user: "ann", password: "pw1" },
      { user: "ann", password: "no" },
    ],
    ['authorization { token: "a token of theirs" }', { token: "a token of theirs" }, {}],
    [config, { credentials }, { credentials: makeNatsCredentials().credentials }],
    [config, { credentials }, { credentials: "none that are any" }],
    [ofCertificates, { tls: { ca: good.ca, cert: good.cert, key: good.key } }, undefined],
  ] as const;
  for (const [text, nats, wrong] of rows) {
    const one = await NatsServers.start(1, { config: text });
    try {
      const own = { servers: one.urls, name: "named", leaseMs: 1000 };
      const opened = await open<number>({ cluster: { ...own, nats } });
      assert.is(await opened.increment("n"), 1);
      await opened.close();
      if (wrong === undefined) {
        cluster = own;
        const error = await refused({ nats: { tls: { ca: other.ca } } });
        assert.instance(error, UnavailableError);
        assert.match(error.message, /cluster\.servers must name.*certificate/i);
      } else {
        cluster = own;
        const error = await refused({ nats: wrong });
        assert.instance(error, InvalidOptionError);
        assert.match(error.message, "cluster.nats must be what the servers of NATS take");
      }
    } finally {
      await one.stop();
    }
  }
});

/** The configuration of a server that asks for certificates. */
function certificateConfig(): string {
  const folder = temporaryPath("nats-tls");
  mkdirSync(folder, { recursive: true });
  for (const name of ["cert", "key", "ca"] as const) writeFileSync(join(folder, name), good[name]);
  const of = (name: string) => JSON.stringify(join(folder, name));
  return `tls { cert_file: ${of("cert")}, key_file: ${of("key")}, ca_file: ${
    of("ca")
  }, verify: true }`;
}

test.run();
