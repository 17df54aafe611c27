/**
 * Route paths by number. Desired and actual state of one agent share one table, so that comparing
 * two routes is comparing two integers.
 */
import type { RoutePath } from "./kernel-state.ts";

export class PathTable {
  readonly #paths: RoutePath[] = [];
  readonly #ids = new Map<string, number>();

  /** The number of `path`; equal paths have equal numbers, from 0 up, for the table's lifetime. */
  intern(path: RoutePath): number {
    const key = pathKey(path);
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#paths.length;
      this.#ids.set(key, id);
      this.#paths.push(path);
    }
    return id;
  }

  /** @throws RangeError for a number that `intern` never gave. */
  get(id: number): RoutePath {
    const path = this.#paths[id];
    if (path === undefined) throw new RangeError(`no route path has the number ${id}`);
    return path;
  }

  get size(): number {
    return this.#paths.length;
  }
}

function pathKey(path: RoutePath): string {
  return [
    path.family,
    path.type,
    path.protocol,
    path.nexthopId ?? "",
    path.device ?? "",
    path.gateway ?? "",
    path.onlink,
    path.mtu ?? "",
    path.source ?? "",
  ].join(" ");
}
