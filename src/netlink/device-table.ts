/** Which ifindex a device name has, kept from dumps, link events and our own changes. */

export class DeviceTable {
  readonly #indexes = new Map<string, number>();
  readonly #names = new Map<number, string>();
  #generation = 0;

  /** Counts the changes, so that what was derived from names or numbers can be told to be stale. */
  get generation(): number {
    return this.#generation;
  }

  /** undefined if no such device is known. */
  indexOf(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  /** Devices of which nothing is known, such as a parent in another namespace, are "if" and the number. */
  nameOf(ifindex: number): string {
    return this.#names.get(ifindex) ?? `if${ifindex}`;
  }

  set(name: string, ifindex: number): void {
    if (this.#indexes.get(name) === ifindex && this.#names.get(ifindex) === name) return;
    this.forgetName(name);
    this.forgetIndex(ifindex);
    this.#indexes.set(name, ifindex);
    this.#names.set(ifindex, name);
    this.#generation++;
  }

  forgetName(name: string): void {
    const ifindex = this.#indexes.get(name);
    if (ifindex !== undefined) this.#forget(name, ifindex);
  }

  forgetIndex(ifindex: number): void {
    const name = this.#names.get(ifindex);
    if (name !== undefined) this.#forget(name, ifindex);
  }

  /** Forgets every device that is not among `ifindexes`. */
  keepOnly(ifindexes: ReadonlySet<number>): void {
    for (const [ifindex, name] of [...this.#names]) {
      if (!ifindexes.has(ifindex)) this.#forget(name, ifindex);
    }
  }

  #forget(name: string, ifindex: number): void {
    this.#indexes.delete(name);
    this.#names.delete(ifindex);
    this.#generation++;
  }
}
