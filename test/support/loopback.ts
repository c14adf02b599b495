/**
 * Several addresses of loopback, by which a proxy knows which process has connected.
 *
 * @module
 */
import { Socket } from "node:net";

/**
 * Has this thread connect to an address of loopback wherever it would connect to 127.0.0.1, at the
 * same port. Runtimes have no option for that: sockets are made in the midst of a library.
 */
export function connectBy(host: string): void {
  const connect = Socket.prototype.connect as (this: Socket, ...given: unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket, ...given: unknown[]): Socket {
    // Node calls it with a list of what it has made of its arguments.
    const options = (Array.isArray(given[0]) ? given[0] : given)[0] as { host?: unknown } | null;
    if (typeof options === "object" && options?.host === "127.0.0.1") options.host = host;
    return connect.apply(this, given);
  } as typeof Socket.prototype.connect;
}
