/** One process of the simulation, and its answers. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

export class Child<To extends object, From extends { readonly what: string }> {
  readonly #process: ChildProcess;

  /** @param program the compiled file, beside this one */
  constructor(program: string) {
    this.#process = fork(fileURLToPath(new URL(program, import.meta.url)), {
      serialization: "advanced",
    });
  }

  send(message: To): void {
    this.#process.send(message);
  }

  /** The next message of this kind. @throws Error if the process ends */
  next<What extends From["what"]>(what: What): Promise<Extract<From, { readonly what: What }>> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: unknown): void => {
        const said = message as From;
        if (said.what !== what) return;
        this.#process.off("message", onMessage);
        this.#process.off("exit", onExit);
        resolve(said as Extract<From, { readonly what: What }>);
      };
      const onExit = (code: number | null): void => reject(new Error(`a process ended (${code})`));
      this.#process.on("message", onMessage);
      this.#process.on("exit", onExit);
    });
  }

  stop(): void {
    this.#process.kill();
  }
}
