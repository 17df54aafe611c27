import { mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { askAgent } from "../../../src/cli/agent-client.ts";
import { CausewayError } from "../../../src/errors.ts";
import { runDirsHere } from "../../../src/observe/agents-here.ts";
import {
  type ControlRoutes,
  ControlServer,
  isAgentRunning,
  RowsAnswer,
} from "../../../src/observe/control-server.ts";
import { controlSocketPath, RunDir } from "../../../src/observe/run-dir.ts";

let path: string;
let runDir: RunDir;
let server: ControlServer | undefined;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "causeway-control-"));
  runDir = RunDir.claim(path);
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  runDir.release();
  rmSync(path, { recursive: true });
});

async function serve(routes: ControlRoutes): Promise<void> {
  server = await ControlServer.listen(runDir, routes);
}

describe("ControlServer", () => {
  test("answers on a socket for its owner alone, and takes it away", async () => {
    await serve({ "GET /status": () => ({ state: "in sync" }) });
    expect(await askAgent(path, "GET", "/status")).toEqual({ state: "in sync" });
    expect(statSync(controlSocketPath(path)).mode & 0o777).toBe(0o600);
    expect(await isAgentRunning(path)).toBe(true);
    await server?.close();
    expect(await isAgentRunning(path)).toBe(false);
    expect(() => statSync(controlSocketPath(path))).toThrow("ENOENT");
  });

  test("takes the place of a socket that a killed agent left", async () => {
    await leaveSocket();
    await serve({ "GET /status": () => 1 });
    expect(await askAgent(path, "GET", "/status")).toBe(1);
  });

  test.each([0, 1, 199, 200, 201, 1_000])("sends %i rows in their order", async (count) => {
    const rows = Array.from({ length: count }, (_, at) => ({ at, text: `"${at}"` }));
    await serve({ "GET /show": () => new RowsAnswer(rows) });
    expect(await askAgent(path, "GET", "/show")).toEqual({ rows });
  });

  test("lets other work go on between the rows", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await serve({ "GET /show": () => new RowsAnswer(slowRows(2_000)) });
    await askAgent(path, "GET", "/show");
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  test("says what it does not know, and what went wrong", async () => {
    await serve({
      "GET /show": () => {
        throw new CausewayError("bad-config", 'cannot show "x"');
      },
    });
    await expect(askAgent(path, "GET", "/show")).rejects.toThrow(
      'the agent refuses: cannot show "x"',
    );
    await expect(askAgent(path, "GET", "/x")).rejects.toThrow("no such request: GET /x");
  });
});

describe("askAgent", () => {
  test("says that nobody runs", async () => {
    await expect(askAgent(path, "GET", "/status")).rejects.toMatchObject({
      code: "agent",
      message: `no agent runs with --run-dir ${path}`,
    });
  });

  test("says that an agent was killed, and which", async () => {
    await leaveSocket();
    await expect(askAgent(path, "GET", "/status")).rejects.toMatchObject({
      message: `the agent (pid ${process.pid}) of --run-dir ${path} was killed, or crashed`,
    });
  });

  test("names the agent that does run in this network namespace", async () => {
    await serve({});
    await expect(askAgent(join(path, "other"), "GET", "/status")).rejects.toMatchObject({
      hint: expect.stringContaining(`--run-dir ${path}`),
    });
  });
});

describe("runDirsHere", () => {
  test("lists the agents that answer", async () => {
    expect(await runDirsHere()).not.toContain(path);
    await serve({});
    expect(await runDirsHere()).toContain(path);
  });

  test("does not take any socket for an agent's", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(join(path, "other.sock"), resolve));
    expect(await runDirsHere()).not.toContain(path);
    await new Promise((resolve) => other.close(resolve));
  });
});

/** As SIGKILL leaves it: the file is there, and nobody listens. */
async function leaveSocket(): Promise<void> {
  const listener = createServer();
  const aside = join(path, "aside.sock");
  await new Promise<void>((resolve) => listener.listen(aside, resolve));
  renameSync(aside, controlSocketPath(path));
  await new Promise((resolve) => listener.close(resolve));
}

function* slowRows(count: number): Generator<number> {
  for (let at = 0; at < count; at++) {
    const end = performance.now() + 0.05;
    while (performance.now() < end);
    yield at;
  }
}
