/**
 * Deno's permissions, looked at before what needs them is done: otherwise it would stop the thread
 * and ask the user, or throw.
 *
 * @module
 */

/** What can be granted. */
export type Permission =
  | { readonly name: "env"; readonly variable?: string }
  | { readonly name: "read" | "write"; readonly path: string | URL }
  | { readonly name: "net"; readonly host: string }
  | { readonly name: "sys"; readonly kind: "uid" }
  | { readonly name: "run"; readonly command?: string }
  | { readonly name: "ffi" };

interface Permissions {
  readonly permissions: { querySync(permission: Permission): { readonly state: string } };
}

/** Whether this thread may do it; always, on runtimes without permissions. */
export function isGranted(permission: Permission): boolean {
  const { Deno } = globalThis as { Deno?: Permissions };
  return Deno === undefined || Deno.permissions.querySync(permission).state === "granted";
}
