/** Which ifindex a device name has, kept from dumps, link events and our own changes. */

export interface DeviceIndexes {
  /** undefined if no such device is known. */
  indexOf(name: string): number | undefined;
}

export class DeviceTable implements DeviceIndexes {
  readonly #indexes = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #reserved = new Map<string, number>();
  #generation = 0;

  /** Counts the changes, so that what was derived from names or numbers can be told to be stale. */
  get generation(): number {
    return this.#generation;
  }

  /** undefined if no such device is known. */
  indexOf(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  /** As this table, with the numbers that devices to come will ask for. */
  readonly withReserved: DeviceIndexes = {
    indexOf: (name) => this.#indexes.get(name) ?? this.#reserved.get(name),
  };

  /**
   * Sets a number aside for a device that is about to be made, so that messages which name it can be
   * written before it is there. Somebody else may still be given that number.
   */
  reserve(name: string): void {
    if (this.#indexes.has(name) || this.#reserved.has(name)) return;
    const taken = [...this.#names.keys(), ...this.#reserved.values()];
    this.#reserved.set(name, Math.max(0, ...taken) + 1);
  }

  /** The number set aside for a device, once; undefined if there is none. */
  takeReserved(name: string): number | undefined {
    const ifindex = this.#reserved.get(name);
    this.#reserved.delete(name);
    return ifindex;
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
