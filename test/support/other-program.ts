/** Another program in the fake kernel: it speaks in lines (state-lines.ts), as `ip` and `bridge` would. */
import type { FakeKernel } from "./fake-kernel.ts";
import { routeKey } from "./fake-state.ts";
import { type KernelObject, parseObject, printObject } from "./state-lines.ts";

export class OtherProgram {
  readonly #kernel: FakeKernel;

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
  }

  /**
   * A line makes the object as it says, whatever was there; one with a leading "-" removes it.
   * @throws Error with the errno if the kernel refuses.
   */
  do(...lines: readonly string[]): void {
    for (const line of lines) {
      const refusal = this.try(line);
      if (refusal !== undefined) throw new Error(`${line}: ${refusal}`);
    }
  }

  /** As `do`, where the kernel may refuse; returns the errno then. */
  try(line: string): string | undefined {
    const object = parseObject(line.replace(/^-/, ""));
    return line.startsWith("-") ? this.#remove(object) : this.#put(object);
  }

  /** Everything in the kernel but sysctls. */
  objects(): KernelObject[] {
    const { links, addresses, neighbours, fdb, nexthops, routes } = this.#kernel.external;
    return [
      ...[...links.values()].map((object) => ({ kind: "link", object }) as const),
      ...[...addresses.values()].map((object) => ({ kind: "address", object }) as const),
      ...[...neighbours.values()].map((object) => ({ kind: "neighbour", object }) as const),
      ...[...fdb.values()].map((object) => ({ kind: "fdb", object }) as const),
      ...[...nexthops.values()].map((object) => ({ kind: "nexthop", object }) as const),
      ...[...routes.values()].map((object) => ({ kind: "route", object }) as const),
    ];
  }

  /** The same as sorted lines. */
  holds(): string[] {
    return this.objects().map(printObject).sort();
  }

  #put({ kind, object }: KernelObject): string | undefined {
    const { external: state } = this.#kernel;
    switch (kind) {
      case "link": {
        const old = state.links.get(object.name);
        if (old === undefined) return state.addLink(object);
        return state.changeLink(object.name, old, { ...object, mac: object.mac ?? old.mac });
      }
      case "address":
        return state.setAddress(object);
      case "neighbour":
        return state.setNeighbour(object);
      case "fdb":
        return state.setFdb(object);
      case "nexthop":
        return state.setNexthop(object);
      case "route":
        return state.setRoute(object);
      case "sysctl":
        state.sysctls.set(object.name, object.value);
        return undefined;
    }
  }

  #remove({ kind, object }: KernelObject): string | undefined {
    const { external: state } = this.#kernel;
    switch (kind) {
      case "link":
        return state.deleteLink(object.name);
      case "address":
        return state.deleteAddress(object);
      case "neighbour":
        return state.deleteNeighbour(object);
      case "fdb":
        return state.deleteFdb(object);
      case "nexthop":
        return state.deleteNexthop(object.id);
      case "route": {
        // Whatever its path: the line says only which one is meant.
        const found = state.routes.get(routeKey(object));
        return found === undefined ? "ESRCH" : state.deleteRoute(found);
      }
      case "sysctl":
        throw new SyntaxError("nobody removes a sysctl");
    }
  }
}
