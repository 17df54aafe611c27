/** The file that a new record gets. */
import { createHash } from "node:crypto";
import type { RecordValue } from "../record-store.ts";

/** What a name and its ending may have of the 255 bytes that file systems allow. */
const MOST = 200;

/** "ippool-green.yaml"; with a number where another file has that name. */
export function newFileName(
  { kind, metadata }: RecordValue,
  isTaken: (name: string) => boolean,
): string {
  const plain = `${kind.toLowerCase()}-${encodeURIComponent(metadata.name)}`;
  const digest = createHash("sha256").update(plain).digest("hex").slice(0, 16);
  const stem = plain.length <= MOST ? plain : `${plain.slice(0, MOST - 17)}-${digest}`;
  for (let count = 1; ; count++) {
    const name = `${stem}${count === 1 ? "" : `-${count}`}.yaml`;
    if (!isTaken(name)) return name;
  }
}
