/**
 * Connections of one thread to a node, of which the newest one counts, in whichever order they
 * come.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PLAIN_MESSAGE_BYTES_MAX } from "../../lib/cluster/messages/message_limits.ts";
import { connectTcp, NodeLink } from "../../lib/cluster/network/node_link.ts";
import { addressOf, listenTcp, NodeServer } from "../../lib/cluster/network/node_server.ts";
import { until } from "../support/cluster/cluster_user.ts";

const SECRET = "a secret of the test";

test("of the connections of a thread the newest one stays, whichever comes last", async () => {
  for (const secret of [SECRET, undefined]) {
    const listener = await listenTcp("127.0.0.1", 0, undefined);
    const server = NodeServer.serve(listener, {
      node: 3,
      tls: undefined,
      secret,
      executor: { isCrowded: false, clockMs: () => 0, execute() {} },
      rules: { hashKey: [1, 2], keyTypes: 1 },
      messageBytes: PLAIN_MESSAGE_BYTES_MAX,
      answer: () => {
        throw new Error("nobody calls");
      },
      onDistrust() {},
    });
    const address = addressOf(listener, undefined, false);
    const messageBytes = PLAIN_MESSAGE_BYTES_MAX;
    const common = { connect: connectTcp, address, node: 3, secret, tls: undefined, messageBytes };
    const links: NodeLink[] = [];
    const connect = async (session: number, number: number) => {
      let said = "";
      const ends = {
        onOpen: () => void (said = "open"),
        onAnswers() {},
        onCall() {},
        onEnd: () => void (said = "ended"),
      };
      const link = new NodeLink({ ...common, session, number, ends });
      links.push(link);
      await until("the node answers", () => said !== "");
      return { said, link };
    };
    try {
      const second = await connect(5, 2);
      assert.is(second.said, "open");
      assert.is((await connect(5, 1)).said, "ended", "it was given up before the second was made");
      assert.is((await connect(6, 1)).said, "open", "another thread's");
      assert.ok(second.link.isWelcome);
      assert.is((await connect(5, 3)).said, "open");
      await until("the earlier one is ended", () => !second.link.isWelcome);
      assert.ok(links.at(-1)!.isWelcome);
    } finally {
      for (const link of links) link.close();
      await server.close();
    }
  }
});

test.run();
