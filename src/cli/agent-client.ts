/** Asks a running agent over its control socket. */
import { request } from "node:http";
import { CausewayError, errnoOf, reasonOf } from "../errors.ts";
import { controlSocketPath } from "../observe/control-server.ts";

const TIMEOUT = 10_000;

/**
 * The JSON answer to one request.
 * @throws CausewayError "agent" if nobody answers, or the agent refuses.
 */
export function askAgent(runDir: string, method: "GET" | "POST", path: string): Promise<unknown> {
  const socketPath = controlSocketPath(runDir);
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, timeout: TIMEOUT }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        const body = JSON.parse(text) as { error?: string };
        if (response.statusCode === 200) resolve(body);
        else reject(new CausewayError("agent", `the agent answers: ${body.error}`));
      });
    });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT / 1000} s`)));
    call.on("error", (error) => reject(unreachable(runDir, error)));
    call.end();
  });
}

function unreachable(runDir: string, error: unknown): CausewayError {
  const code = errnoOf(error);
  const hint = "start it with causeway run, or name its directory with --run-dir";
  const why =
    code === "ENOENT" || code === "ECONNREFUSED"
      ? `no agent runs with --run-dir ${runDir}; ${hint}`
      : code === "EACCES"
        ? `not permitted to ask the agent in ${runDir}; only its own user and root may`
        : `cannot ask the agent in ${runDir}: ${reasonOf(error)}`;
  return new CausewayError("agent", why, { cause: error });
}
