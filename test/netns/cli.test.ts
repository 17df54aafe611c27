// The commands as an operator types them on a node, against the agent that runs there.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  type TestContext,
  test,
} from "vitest";
import { programFile } from "../../src/demo/agent-process.ts";
import { demoPools } from "../../src/demo/topology.ts";
import { controlSocketPath } from "../../src/observe/run-dir.ts";
import type { StatusReport } from "../../src/observe/status.ts";
import { causeway, type Ended, nodeFlags, runDirFlags, runOn } from "../support/causeway.ts";
import { type Cluster, type ClusterOptions, eventually, startCluster } from "../support/cluster.ts";
import { NotifySocket } from "../support/notify-socket.ts";

const isRoot = process.getuid?.() === 0;
const NODE = "alder";
/** No agent is started by itself, and nothing is lacking on any kernel. */
const SHAPE: ClusterOptions = {
  pools: demoPools({ ipip: false, ipv6: true }),
  nodes: [[NODE], ["cedar"]],
  podsPerNode: 1,
  agents: [],
};
const ESCAPE = "\x1b";

function needsRoot(context: TestContext): void {
  if (!isRoot) context.skip("needs root");
}

describe("causeway on a node", () => {
  let cluster: Cluster;
  let runDir: string;
  const own = (...words: string[]): Promise<Ended> =>
    causeway(cluster, NODE, ...words, ...runDirFlags(cluster, NODE));

  beforeAll(async () => {
    if (!isRoot) return;
    cluster = await startCluster(SHAPE);
    runDir = cluster.agent(NODE).options.runDir;
  });
  beforeEach(needsRoot);
  afterAll(() => cluster?.dispose());

  describe("with an agent", () => {
    beforeEach(async () => {
      const agent = cluster.agent(NODE);
      if (!agent.isRunning) agent.start();
      await agent.inSync();
    });

    test("status answers in its first line, and --json has all that the text has", async () => {
      const text = await own("status");
      expect(text).toMatchObject({ code: 0, stderr: "" });
      expect(text.stdout).toMatch(
        /^in sync {3}everything wanted is in the kernel\n {10}node alder, /,
      );
      const json = await own("status", "--json");
      const report = JSON.parse(json.stdout) as StatusReport;
      expect(report).toMatchObject({ state: "in sync", node: NODE, problems: [], conflicts: [] });
      expect(report.counts.routes.inKernel).toBe(report.counts.routes.wanted);
    });

    test.each(["devices", "vteps", "routes", "conflicts"])(
      "show %s has a line for each row",
      async (what) => {
        const text = await own("show", what);
        const json = await own("show", what, "--json");
        expect([text.code, json.code, text.stderr, json.stderr]).toEqual([0, 0, "", ""]);
        const rows = (JSON.parse(json.stdout) as Record<string, { state?: string }[]>)[what] ?? [];
        expect(rows.length > 0).toBe(what !== "conflicts");
        for (const { state } of rows) expect(["ok", "local"]).toContain(state);
        expect(text.stdout).toMatch(
          what === "conflicts" ? /^no conflicts\n/ : /^\d+ .*, all in the kernel\n/,
        );
        const marked = text.stdout.split("\n").filter((line) => /^[✓·] /.test(line));
        expect(marked).toHaveLength(rows.length);
      },
    );

    test("the control socket is its owner's alone, and others are told so", async () => {
      expect(statSync(controlSocketPath(runDir)).mode & 0o777).toBe(0o600);
      const words = [process.execPath, programFile(), "status", "--run-dir", runDir];
      const nobody = ["setpriv", "--reuid", "65534", "--clear-groups", ...words];
      const { code, stderr } = await runOn(cluster, NODE, nobody);
      expect(stderr).toMatch(
        /^causeway: not permitted to ask the agent of --run-dir .*\n {2}→ use sudo\n$/,
      );
      expect(code).toBe(70);
    });

    test("a second agent is refused, with the same run dir and with another", async () => {
      const flags = nodeFlags(cluster, NODE);
      const same = await causeway(cluster, NODE, "run", ...flags, "--run-dir", runDir);
      expect(same.stderr).toMatch(
        new RegExp(
          `^causeway: another agent \\(pid ${cluster.agent(NODE).pid}\\) runs with --run-dir `,
        ),
      );
      const other = await causeway(cluster, NODE, "run", ...flags, "--run-dir", `${runDir}-2`);
      expect(other.stderr).toMatch(
        new RegExp(
          `^causeway: another agent runs in this network namespace, with --run-dir ${runDir}\n`,
        ),
      );
      expect([same.code, other.code]).toEqual([70, 70]);
      expect((await own("status")).stdout).toMatch(/^in sync/);
    });

    test("status with another run dir names the agent that is here", async () => {
      const { code, stderr } = await causeway(cluster, NODE, "status", "--run-dir", `${runDir}-3`);
      expect(stderr).toBe(
        `causeway: no agent runs with --run-dir ${runDir}-3\n  → an agent runs here with  --run-dir ${runDir}\n`,
      );
      expect(code).toBe(70);
    });

    test("status --wait is 0 at once where it is in sync, and 1 where it cannot be in time", async () => {
      expect((await own("status", "--wait", "0")).code).toBe(0);
      const spec = cluster.resource("Node", NODE).spec as { bgp: object };
      cluster.change("Node", NODE, { bgp: { ...spec.bgp, ipv4Address: "198.51.100.1/24" } });
      await cluster.agent(NODE).until(({ state }) => state === "degraded");
      const { code, stdout } = await own("status", "--wait", "0.2");
      expect(stdout).toMatch(/^degraded {2}1 problem\b/);
      expect(stdout).toContain("no link holds the node address 198.51.100.1");
      expect(stdout).toMatch(/→ give a link the address/);
      expect(code).toBe(1);
      cluster.change("Node", NODE, spec);
      expect((await own("status", "--wait", "20")).code).toBe(0);
    });

    test("resync says what it did", async () => {
      const { code, stdout } = await own("resync");
      expect(stdout).toMatch(/^asked: it reads everything again/);
      expect(code).toBe(0);
    });

    test("a reader that goes early is no error", async () => {
      const words = [process.execPath, programFile(), "show", "routes", "--run-dir", runDir];
      const { code, stdout, stderr } = await runOn(cluster, NODE, [
        "sh",
        "-c",
        `${words.join(" ")} | head -n 1`,
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^\d+ routes, all in the kernel\n$/);
    });

    test("a terminal has colours, unless NO_COLOR is set", async () => {
      const command = [process.execPath, programFile(), "status", "--run-dir", runDir].join(" ");
      const onTerminal = async (...env: string[]): Promise<string> =>
        (
          await runOn(cluster, NODE, [
            "env",
            "TERM=xterm",
            ...env,
            "script",
            "-qec",
            command,
            "/dev/null",
          ])
        ).stdout;
      expect(await onTerminal()).toContain(`${ESCAPE}[32min sync${ESCAPE}[0m `);
      expect(await onTerminal("NO_COLOR=1")).toMatch(/^in sync {3}/);
    });

    test("cleanup leaves the kernel of a running agent alone, and --dry-run only looks", async () => {
      const refused = await own("cleanup");
      expect(refused.stderr).toMatch(
        /^causeway: an agent runs with --run-dir .*\n {2}→ stop it first/,
      );
      expect(refused.code).toBe(70);
      const elsewhere = await causeway(cluster, NODE, "cleanup", "--run-dir", `${runDir}-4`);
      expect(elsewhere.code).toBe(70);
      const { code, stdout } = await own("cleanup", "--dry-run");
      expect(stdout).toMatch(/^# \d+ objects would be removed\n# 8 routes, .*2 devices\n/);
      expect(code).toBe(0);
      expect((await own("status")).stdout).toMatch(/^in sync/);
    });

    test("plan --exit-code is 0 beside it: there is nothing to do", async () => {
      const { code, stdout } = await causeway(
        cluster,
        NODE,
        "plan",
        "--exit-code",
        ...nodeFlags(cluster, NODE),
      );
      expect(stdout).toMatch(/\n# nothing to do: /);
      expect(code).toBe(0);
    });
  });

  test("status says that an agent was killed, and a start takes over from it", async () => {
    const agent = cluster.agent(NODE);
    if (!agent.isRunning) agent.start();
    await agent.inSync();
    const { pid } = agent;
    await agent.end("SIGKILL");
    const { code, stderr } = await own("status");
    expect(stderr).toMatch(
      new RegExp(
        `^causeway: the agent \\(pid ${pid}\\) of --run-dir ${runDir} was killed, or crashed\n {2}→ .*causeway run`,
      ),
    );
    expect(code).toBe(70);
    const waited = await own("status", "--wait", "0.1");
    expect(waited.stderr).toMatch(/^causeway: not within 0.1 s: the agent .* was killed/);
    expect(waited.code).toBe(1);
    agent.start();
    expect((await own("status", "--wait", "20")).stdout).toMatch(/^in sync/);
  });

  test("cleanup removes what is ours and nothing else, and says what", async () => {
    const agent = cluster.agent(NODE);
    if (!agent.isRunning) agent.start();
    await agent.inSync();
    await agent.end("SIGTERM");
    const foreign = [
      "route",
      "add",
      "203.0.113.0/24",
      "via",
      "192.0.2.1",
      "dev",
      "eth0",
      "proto",
      "bird",
    ];
    await cluster.ip(NODE, ...foreign);
    const before = await causeway(
      cluster,
      NODE,
      "plan",
      "--exit-code",
      ...nodeFlags(cluster, NODE),
    );
    expect(before.code).toBe(0);
    const { code, stdout, stderr } = await own("cleanup", "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { removed, failed } = JSON.parse(stdout) as { removed: { object: string }[]; failed: [] };
    expect(removed.map(({ object }) => object)).toContain("device vxlan.causeway");
    expect(failed).toEqual([]);
    expect(await cluster.ip(NODE, "route", "show", "proto", "202")).toBe("");
    expect(await cluster.ip(NODE, "link")).not.toContain("causeway");
    expect(await cluster.ip(NODE, "route", "show", "proto", "bird")).toContain("203.0.113.0/24");
    expect((await own("cleanup")).stdout).toBe("# nothing of ours is here\n");
    const plan = await causeway(cluster, NODE, "plan", "--exit-code", ...nodeFlags(cluster, NODE));
    expect(plan.code).toBe(2);
    await cluster.ip(NODE, "route", "delete", "203.0.113.0/24");
  });

  test("plan for a node without a record names those that have one, and exits 1 if asked", async () => {
    const [, , ...datastore] = nodeFlags(cluster, NODE);
    const words = ["plan", "--node", "aldr", "--exit-code", ...datastore];
    const { code, stdout } = await causeway(cluster, NODE, ...words);
    expect(stdout).toMatch(/^# node aldr: this node has no record in the datastore/m);
    expect(stdout).toMatch(/there are alder, cedar/);
    expect(code).toBe(1);
  });

  test("plan without root says what it needs root for", async () => {
    const words = [process.execPath, programFile(), "plan", ...nodeFlags(cluster, NODE)];
    const nobody = ["setpriv", "--reuid", "65534", "--clear-groups", ...words];
    const { code, stderr } = await runOn(cluster, NODE, nobody);
    expect(stderr).toBe(
      "causeway: plan asks the kernel what it can do and needs root (CAP_NET_ADMIN)\n  → use sudo\n",
    );
    expect(code).toBe(70);
  });
});

describe("causeway run", () => {
  const directory = mkdtempSync(join(tmpdir(), "causeway-run-"));
  const config = join(directory, "config.yaml");
  const runDir = join(directory, "run");
  let cluster: Cluster;
  let child: ChildProcess | undefined;
  let log = "";

  beforeAll(async () => {
    if (isRoot) cluster = await startCluster(SHAPE);
  });
  beforeEach(needsRoot);
  afterEach(() => {
    child?.kill("SIGKILL");
  });
  afterAll(async () => {
    await cluster?.dispose();
    rmSync(directory, { recursive: true });
  });

  function start(settings: string, variables: Readonly<Record<string, string>>): ChildProcess {
    const { datastore } = cluster.agent(NODE).options;
    writeFileSync(config, `node: ${NODE}\ndatastore: ${datastore}\nrunDir: ${runDir}\n${settings}`);
    const run = ["netns", "exec", cluster.namespace(NODE), process.execPath, programFile()];
    const started = spawn("ip", [...run, "run", "--config", config], {
      env: { ...process.env, ...variables },
    });
    log = "";
    started.stderr.on("data", (part) => {
      log += part;
    });
    child = started;
    return started;
  }

  const mtu = async (): Promise<number> =>
    Number(/mtu (\d+)/.exec(await cluster.ip(NODE, "link", "show", "vxlan.causeway"))?.[1]);
  const exitOf = (process: ChildProcess): Promise<number | null> =>
    new Promise((resolve) => process.once("exit", resolve));

  test("takes a changed configuration in at SIGHUP, and keeps the old one if the new is wrong", async () => {
    const agent = start("vxlanMtu: 1400\n", {});
    await eventually(async () => expect(await mtu()).toBe(1400));
    const text = readFileSync(config, "utf8");
    writeFileSync(
      config,
      text.replace("1400", "1300").replace(/^runDir.*$/m, "runDir: /run/elsewhere"),
    );
    agent.kill("SIGHUP");
    await eventually(async () => expect(await mtu()).toBe(1300));
    expect(log).toContain('"setting":"vxlanMtu","before":"1400","now":"1300"');
    expect(log).toMatch(/"setting":"runDir".*takes effect when the agent is restarted/);
    writeFileSync(config, "vxlanMtu: [\n");
    agent.kill("SIGHUP");
    await eventually(() =>
      expect(log).toMatch(/config.yaml:2:1: not YAML.*the one before stays in force/),
    );
    const status = await causeway(cluster, NODE, "status", "--wait", "20", "--run-dir", runDir);
    expect(status.stdout).toMatch(/^in sync/);
    expect(await mtu()).toBe(1300);
    const ended = exitOf(agent);
    agent.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(await mtu()).toBe(1300);
  });

  test("takes over foreign routes once takeOver is set, at SIGHUP", async () => {
    const block = cluster.block("cedar", "vxlan");
    await cluster.ip(NODE, "route", "replace", block, "via", "192.0.2.1", "dev", "eth0");
    await cluster.ip(NODE, "route", "delete", block, "proto", "202").catch(() => "");
    const agent = start("takeOver: false\n", {});
    const route = (): Promise<string> => cluster.ip(NODE, "route", "show", block);
    await eventually(async () => {
      const { stdout } = await causeway(cluster, NODE, "status", "--run-dir", runDir);
      expect(stdout).toMatch(/^degraded {2}1 foreign route in the way\n/);
      expect(stdout).toContain(`${block} via 192.0.2.1 dev eth0`);
    });
    expect(await route()).not.toContain("proto 202");
    writeFileSync(
      config,
      readFileSync(config, "utf8").replace("takeOver: false", "takeOver: true"),
    );
    agent.kill("SIGHUP");
    await eventually(async () => expect(await route()).toContain("proto 202"));
    const ended = exitOf(agent);
    agent.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  test("tells systemd that it is ready, reloads, is ready again, and stops", async () => {
    const socket = new NotifySocket(join(directory, "notify"));
    const agent = start("", { NOTIFY_SOCKET: socket.path });
    const told: string[] = [];
    const awaitTold = (count: number): Promise<void> =>
      eventually(() => {
        told.push(...socket.received());
        expect(told).toHaveLength(count);
      });
    await awaitTold(1);
    const { stdout } = await causeway(cluster, NODE, "status", "--run-dir", runDir);
    expect(stdout).toMatch(/^in sync/);
    agent.kill("SIGHUP");
    await awaitTold(3);
    const ended = exitOf(agent);
    agent.kill("SIGTERM");
    expect(await ended).toBe(0);
    await awaitTold(4);
    socket.close();
    expect(told.map((text) => text.replace(/USEC=\d+$/, "USEC="))).toEqual([
      "READY=1",
      "RELOADING=1\nMONOTONIC_USEC=",
      "READY=1",
      "STOPPING=1",
    ]);
  });

  test("ends with one line where the run dir cannot be used", async () => {
    const flags = nodeFlags(cluster, NODE);
    const { code, stderr } = await causeway(cluster, NODE, "run", ...flags, "--run-dir", config);
    expect(stderr).toMatch(
      /^causeway: cannot use --run-dir .*: it is not a directory, or below a file\n {2}→ name a/,
    );
    expect(code).toBe(70);
  });
});
