/** A real agent on the fake kernel, with a datastore that says what the test tells it. */
import { pino } from "pino";
import { Agent } from "../../src/agent.ts";
import type { Config } from "../../src/config/settings.ts";
import type { ChangeBatch, Datastore } from "../../src/datastore/datastore.ts";
import type { Registrar } from "../../src/register/registrar.ts";
import type { ResourceChange } from "../../tunnels/model/snapshot.ts";
import { FakeDataPath } from "./fake-data-path.ts";
import { delivered, FakeKernel } from "./fake-kernel.ts";
import { OtherProgram } from "./other-program.ts";

const CONFIG: Config = {
  node: "alder",
  datastore: "told:",
  register: undefined,
  nodeAddress: {},
  flannelConfig: undefined,
  subnetFile: "",
  cniDir: undefined,
  cniPath: "",
  runDir: "",
  logLevel: "error",
  dataplane: "kernel",
  takeOver: true,
  measureLoop: false,
  kubeconfig: undefined,
  kubeContext: undefined,
  blocks: "auto",
  etcd: {},
  overlay: {},
  overlaySources: {},
};

/** Batches are handed on in the order in which they were told. */
class ToldDatastore implements Datastore {
  readonly url = "told:";
  #batches: ChangeBatch[] = [];
  #wake: (() => void) | undefined;
  #revision = 0;

  tell(batch: Partial<ChangeBatch>): void {
    this.#batches.push({
      revision: String(++this.#revision),
      inSync: true,
      changes: [],
      faults: [],
      complete: true,
      condition: { state: "ok" },
      readAt: performance.now(),
      ...batch,
    });
    this.#wake?.();
  }

  get isHeard(): boolean {
    return this.#batches.length === 0;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    signal.addEventListener("abort", () => this.#wake?.());
    while (!signal.aborted) {
      const batch = this.#batches.shift();
      if (batch !== undefined) yield batch;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  resync(): void {}
}

export class AgentLab {
  readonly kernel: FakeKernel;
  readonly others: OtherProgram;
  agent!: Agent;
  /** How often the agent said that it was ready. */
  readyCount = 0;
  #datastore!: ToldDatastore;
  #stop!: AbortController;
  #running!: Promise<void>;
  readonly dataPath: FakeDataPath = new FakeDataPath();
  readonly #config: Config;
  readonly #makeRegistrar: ((lab: AgentLab) => Registrar) | undefined;

  /** @param makeRegistrar makes a new one for each start of the agent */
  constructor(
    kernel: FakeKernel = new FakeKernel(),
    config: Partial<Config> = {},
    makeRegistrar?: (lab: AgentLab) => Registrar,
  ) {
    this.kernel = kernel;
    this.#makeRegistrar = makeRegistrar;
    this.others = new OtherProgram(kernel);
    this.#config = { ...CONFIG, ...config };
    this.start();
  }

  /** A new process on the same kernel, whose datastore has said nothing yet. */
  start(): void {
    this.#datastore = new ToldDatastore();
    this.#stop = new AbortController();
    this.agent = new Agent({
      config: this.#config,
      kernel: this.kernel,
      userspace: { vxlan: "", ipip: "" },
      dataPath: this.dataPath,
      datastore: this.#datastore,
      registrar: this.#makeRegistrar?.(this),
      log: pino({ level: "silent" }),
      onReady: () => {
        this.readyCount++;
      },
    });
    this.#running = this.agent.run(this.#stop.signal);
  }

  tell(changes: readonly ResourceChange[], batch: Partial<ChangeBatch> = {}): void {
    this.#datastore.tell({ changes, ...batch });
  }

  /** Until everything that was told and everything that happened has been worked off. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await delivered();
      const isWaiting = !this.agent.hasList && this.agent.reconciler.isIdle;
      quiet = this.#datastore.isHeard && (this.agent.isIdle || isWaiting) ? quiet + 1 : 0;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
