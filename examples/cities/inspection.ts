/**
 * The demo's last picture: the inspector shows the store while clients work, until Ctrl-C.
 *
 * @module
 */
import { open, type Store } from "dinomo";
import { type Inspector, serveInspector } from "dinomo/inspector";
import type { StoredCity } from "./cities.ts";
import { CityLoad } from "./city_load.ts";
import type { CityModel } from "./city_model.ts";
import { Latencies } from "./latencies.ts";

/** One address for the whole demo: the page finds the store again when it is opened again. */
export class Inspection {
  #port = 0;
  readonly #token = crypto.randomUUID();
  #inspector: Inspector | undefined;

  /** Serves a store, and prints where. */
  async begin(store: Store<StoredCity>): Promise<void> {
    const options = { port: this.#port, token: this.#token, writable: true };
    this.#inspector = await serveInspector(store, options);
    this.#port = Number(new URL(this.#inspector.url).port);
    console.log(`inspector: open ${this.#inspector.url}`);
  }

  /** The store is about to be closed. */
  async end(): Promise<void> {
    await this.#inspector?.close();
  }
}

/** What is shown in the end. */
export interface LastPicture {
  readonly path: string;
  readonly model: CityModel;
  readonly clientCount: number;
  readonly inspection: Inspection;
  /** Resolves at Ctrl-C. */
  readonly stopped: Promise<void>;
}

/** Opens the pool once more, and lets clients work until Ctrl-C; then checks every city again. */
export async function showUntilStopped(
  { path, model, clientCount, inspection, stopped }: LastPicture,
): Promise<void> {
  const store = await open<StoredCity>({ path, statistics: true });
  try {
    const load = new CityLoad(store, model, model.updateCount);
    const clients = load.startClients(clientCount);
    await inspection.begin(store);
    console.log("clients read and update until Ctrl-C; the slider on the page scales the store");
    await clients.during(new Latencies(""), () => stopped);
    await clients.stop();
    load.checkAll(() => {});
    console.log("\nevery field of every city is what it must be");
  } finally {
    await inspection.end();
    await store.close();
  }
}
