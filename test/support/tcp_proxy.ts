/**
 * A TCP proxy on loopback that can hold back what goes through it, or cut it off: a network that fails.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Between who connects here, and a place. */
export class TcpProxy {
  /** Where it is reached. */
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  #isHeld = false;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket: Socket) => this.#join(socket));
  }

  /** Listens at any port; `target` is a port, which may be known later. */
  static async start(target: number): Promise<TcpProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, target);
  }

  /** Where new connections lead from now on. */
  set target(port: number) {
    this.#target = port;
  }

  /** Holds back all bytes, in both directions: nobody is told. */
  hold(): void {
    this.#isHeld = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Ends all connections that there are. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Passes on what was held back, and what comes. */
  release(): void {
    this.#isHeld = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Ends it. */
  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(from: Socket): void {
    const to = connect({ host: "127.0.0.1", port: this.#target, noDelay: true });
    from.setNoDelay(true);
    this.#pass(from, to);
    this.#pass(to, from);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("error", () => from.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on("data", (bytes) => {
      if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => {
      if (!this.#isHeld) from.resume();
    });
    if (this.#isHeld) from.pause();
  }
}
