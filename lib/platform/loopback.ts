/**
 * Addresses of this machine.
 *
 * @module
 */

const LOOPBACK = /^(?:127(?:\.[0-9]{1,3}){3}|::1|localhost)$/;

/** Whether a host is an address that no other machine reaches. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
