/** Asks a running agent over its control socket. */
import { request } from "node:http";
import { CausewayError, errnoOf, reasonOf } from "../errors.ts";
import { runDirsHere } from "../observe/agents-here.ts";
import { controlSocketPath, lastPid } from "../observe/run-dir.ts";

const TIMEOUT = 10_000;

/**
 * The JSON answer to one request.
 * @throws CausewayError "agent" if nobody answers, or the agent refuses.
 */
export async function askAgent(
  runDir: string,
  method: "GET" | "POST",
  path: string,
): Promise<unknown> {
  let answer: { status: number | undefined; text: string };
  try {
    answer = await call(controlSocketPath(runDir), method, path);
  } catch (error) {
    throw await unreachable(runDir, error);
  }
  const body = JSON.parse(answer.text) as { error?: string };
  if (answer.status === 200) return body;
  throw new CausewayError("agent", `the agent refuses: ${body.error}`);
}

function call(
  socketPath: string,
  method: string,
  path: string,
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, timeout: TIMEOUT }, (response) => {
      const parts: string[] = [];
      response.setEncoding("utf8");
      response.on("data", (part: string) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode, text: parts.join("") }));
      response.on("error", reject);
    });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT / 1000} s`)));
    call.on("error", reject);
    call.end();
  });
}

async function unreachable(runDir: string, cause: unknown): Promise<CausewayError> {
  switch (errnoOf(cause)) {
    case "ENOENT":
      return nobody(`no agent runs with --run-dir ${runDir}`, "start it with", cause);
    // The socket is there and nobody listens: an agent that is told to stop takes it away.
    case "ECONNREFUSED": {
      const pid = lastPid(runDir);
      const who = pid === undefined ? "the agent" : `the agent (pid ${pid})`;
      const what = `${who} of --run-dir ${runDir} was killed, or crashed`;
      return nobody(
        what,
        "a killed agent leaves its routes in the kernel; start it again with",
        cause,
      );
    }
    case "EACCES": {
      const hint = "use sudo";
      const what = `not permitted to ask the agent of --run-dir ${runDir}: only its user and root are`;
      return new CausewayError("agent", what, { cause, hint });
    }
    default: {
      const what = `cannot ask the agent of --run-dir ${runDir}: ${reasonOf(cause)}`;
      return new CausewayError("agent", what, { cause });
    }
  }
}

async function nobody(what: string, advice: string, cause: unknown): Promise<CausewayError> {
  const others = await runDirsHere();
  const hint =
    others.length > 0
      ? `an agent runs here with  --run-dir ${others.join("  and one with  --run-dir ")}`
      : `${advice}  causeway run, or name another --run-dir`;
  return new CausewayError("agent", what, { cause, hint });
}
