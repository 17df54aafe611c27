/** Worker thread: parses YAML that would keep the main loop too long. Started by yaml-reader.ts. */
import { parentPort } from "node:worker_threads";
import { parseYamlPiece, type YamlReading } from "./yaml-piece.ts";

export interface YamlRequest {
  readonly id: number;
  readonly texts: readonly string[];
  readonly areItems: readonly boolean[];
}

export interface YamlReply {
  readonly id: number;
  readonly readings: readonly YamlReading[];
}

parentPort?.on("message", ({ id, texts, areItems }: YamlRequest) => {
  const readings = texts.map((text, at) => parseYamlPiece(text, areItems[at] === true));
  const reply: YamlReply = { id, readings };
  parentPort?.postMessage(reply);
});
