/**
 * Whether a node's agent lives, asked through the datastore that both can reach: a question is put on
 * the node's record, and an agent that registers its node takes it away as soon as it sees it. That
 * costs nothing while nobody asks, and needs no clock, no open port and no ping. An agent that is cut
 * off from the datastore cannot answer and counts as dead; one that registers nothing does, too.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ROLL_CALL } from "../datastore/record-node.ts";
import type { RecordStore, RecordValue } from "../datastore/record-store.ts";
import { changeRecord } from "./change-record.ts";

/** Milliseconds between two looks for the answer. */
const LOOK = 200;

/**
 * @param patience milliseconds to wait for an answer
 * @throws CausewayError of the store
 */
export async function answersRollCall(
  store: RecordStore,
  node: string,
  patience: number,
): Promise<boolean> {
  const question = randomUUID();
  const asked = await changeRecord(store, "Node", node, (old) =>
    old === undefined || questionOf(old) === question ? undefined : withQuestion(old, question),
  );
  if (asked === undefined) return false;
  for (const end = performance.now() + patience; performance.now() < end; await sleep(LOOK)) {
    const record = await store.get("Node", node);
    if (record !== undefined && questionOf(record.value) !== question) return true;
  }
  return false;
}

function questionOf({ metadata }: RecordValue): string | undefined {
  return metadata.annotations?.[ROLL_CALL];
}

function withQuestion(record: RecordValue, question: string): RecordValue {
  const annotations = { ...record.metadata.annotations, [ROLL_CALL]: question };
  return { ...record, metadata: { ...record.metadata, annotations } };
}
