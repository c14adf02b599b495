/**
 * A TCP proxy on loopback that can hold back what goes through it, or cut it off: a network that
 * fails.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Where a proxy listens. */
export interface ProxyPlace {
  readonly host?: string;
  /** 0: any. */
  readonly port?: number;
  /** Makes the listener of a connection that begins. @default nobody listens */
  readonly listen?: () => Listener;
}

/** Is told of the bytes of one connection, before they are passed on. */
export type Listener = (bytes: Uint8Array, isAnswer: boolean) => void;

/** Which bytes are held back: those from the place back to who has connected, or all. */
export type HeldBytes = "answers" | "all";

/** Between who connects here, and a place. */
export class TcpProxy {
  /** Where it is reached. */
  readonly port: number;
  readonly #server: Server;
  /** Both ends of each connection; whether it is that of the place. */
  readonly #sockets = new Map<Socket, boolean>();
  readonly #listen: (() => Listener) | undefined;
  #target: number;
  #held: HeldBytes | undefined;

  private constructor(server: Server, target: number, listen: (() => Listener) | undefined) {
    this.#server = server;
    this.#target = target;
    this.#listen = listen;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket: Socket) => this.#join(socket));
  }

  /** Listens; `target` is a port of 127.0.0.1, which may be known later. */
  static async start(
    target: number,
    { host = "127.0.0.1", port = 0, listen }: ProxyPlace = {},
  ): Promise<TcpProxy> {
    const server = createServer().listen(port, host);
    await once(server, "listening");
    return new TcpProxy(server, target, listen);
  }

  /** Where new connections lead from now on. */
  set target(port: number) {
    this.#target = port;
  }

  /** Holds back bytes: nobody is told. */
  hold(bytes: HeldBytes = "all"): void {
    this.#held = bytes;
    for (const [socket, isOfPlace] of this.#sockets) if (this.#isHeld(isOfPlace)) socket.pause();
  }

  /** Ends all connections that there are. */
  cut(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  /** Passes on what was held back, and what comes. */
  release(): void {
    this.#held = undefined;
    for (const socket of this.#sockets.keys()) socket.resume();
  }

  /** Ends it. */
  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(from: Socket): void {
    const to = connect({ host: "127.0.0.1", port: this.#target, noDelay: true });
    from.setNoDelay(true);
    const listener = this.#listen?.();
    this.#pass(from, to, false, listener);
    this.#pass(to, from, true, listener);
  }

  #isHeld(isOfPlace: boolean): boolean {
    return this.#held === "all" || (isOfPlace && this.#held === "answers");
  }

  #pass(from: Socket, to: Socket, isOfPlace: boolean, listener: Listener | undefined): void {
    this.#sockets.set(from, isOfPlace);
    from.on("error", () => from.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on("data", (bytes) => {
      listener?.(bytes, isOfPlace);
      if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => {
      if (!this.#isHeld(isOfPlace)) from.resume();
    });
    if (this.#isHeld(isOfPlace)) from.pause();
  }
}
