/**
 * The server on Deno: every thread listens on a port of its own, one after the other.
 *
 * ```sh
 * deno run -A examples/server/deno.ts                # shows what it does, and ends
 * deno run -A examples/server/deno.ts --port 8080    # serves until it is interrupted
 * ```
 *
 * (`Deno.serve` can share a port between threads by `reusePort`, which needs `--unstable-net`.)
 *
 * @module
 */
import { main } from "./main.ts";

/** What is used of Deno. */
declare const Deno: {
  serve(
    options: { hostname: string; port: number; onListen(): void },
    handler: (
      request: Request,
      info: { readonly remoteAddr: { readonly hostname: string } },
    ) => Promise<Response>,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
};

await main({
  module: import.meta.url,
  sharesPort: false,
  listen(hostname, port, handler) {
    const server = Deno.serve(
      { hostname, port, onListen() {} },
      (request, { remoteAddr }) => handler(request, remoteAddr.hostname),
    );
    return Promise.resolve({ port: server.addr.port, close: () => server.shutdown() });
  },
});
