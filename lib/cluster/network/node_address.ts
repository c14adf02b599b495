/**
 * Where a node takes requests, as its renewals say: `host:port`, or `tls://host:port` if
 * connections are encrypted.
 *
 * @module
 */

const ENCRYPTED = "tls://";

/** A place in a network. */
export interface NodePlace {
  readonly host: string;
  readonly port: number;
  readonly isEncrypted: boolean;
}

/** Writes an address. */
export function formatAddress({ host, port, isEncrypted }: NodePlace): string {
  const place = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return isEncrypted ? ENCRYPTED + place : place;
}

/** Reads an address; one that is none is of no host. */
export function parseAddress(address: string): NodePlace {
  const isEncrypted = address.startsWith(ENCRYPTED);
  const place = isEncrypted ? address.slice(ENCRYPTED.length) : address;
  const colon = place.lastIndexOf(":");
  const host = place.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(place.slice(colon + 1)), isEncrypted };
}
