/**
 * The server on Bun: every thread listens on the same port, and the operating system deals the
 * connections out.
 *
 * ```sh
 * bun examples/server/bun.ts                # shows what it does, and ends
 * bun examples/server/bun.ts --port 8080    # serves until it is interrupted
 * ```
 *
 * (On Linux. Other systems may give all connections to one of the listeners.)
 *
 * @module
 */
import { main } from "./main.ts";

/** What is used of Bun. */
declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    reusePort: boolean;
    fetch(request: Request, server: BunServer): Promise<Response>;
  }): BunServer;
};

interface BunServer {
  readonly port: number;
  requestIP(request: Request): { readonly address: string } | null;
  stop(): Promise<void>;
}

await main({
  module: import.meta.url,
  sharesPort: true,
  listen(hostname, port, handler) {
    const server = Bun.serve({
      hostname,
      port,
      reusePort: true,
      fetch: (request, self) => handler(request, self.requestIP(request)?.address ?? ""),
    });
    return Promise.resolve({ port: server.port, close: () => server.stop() });
  },
});
