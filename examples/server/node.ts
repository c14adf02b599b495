/**
 * The server on Node: every thread listens on a port of its own, one after the other.
 *
 * ```sh
 * npm run build
 * node dist/examples/server/node.js                # shows what it does, and ends
 * node dist/examples/server/node.js --port 8080    # serves until it is interrupted
 * ```
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Handler } from "./app.ts";
import { main } from "./main.ts";

/** Longest body that is read. */
const BODY_BYTES_MAX = 64 * 1024;

await main({
  module: import.meta.url,
  sharesPort: false,
  async listen(hostname, port, handler) {
    const server = createServer((incoming, outgoing) => {
      answer(incoming, outgoing, handler).catch(() => outgoing.destroy());
    });
    server.listen(port, hostname);
    await once(server, "listening");
    return {
      port: (server.address() as AddressInfo).port,
      async close() {
        server.close();
        server.closeIdleConnections();
        await once(server, "close");
      },
    };
  },
});

/** Translates between node:http and the handler. */
async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: Handler,
): Promise<void> {
  const { method = "GET", url = "/", headers: { host = "localhost", cookie }, socket } = incoming;
  const body: Buffer[] = [];
  let bodyBytes = 0;
  for await (const chunk of incoming) {
    bodyBytes += (chunk as Buffer).length;
    if (bodyBytes > BODY_BYTES_MAX) throw new RangeError("the body is too long");
    body.push(chunk as Buffer);
  }
  const request = new Request(new URL(url, `http://${host}`), {
    method,
    headers: cookie === undefined ? {} : { cookie },
    body: bodyBytes === 0 ? null : Buffer.concat(body),
  });
  const response = await handler(request, socket.remoteAddress ?? "");
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(await response.text());
}
