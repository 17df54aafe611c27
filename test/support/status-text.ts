// `causeway status` as text, for assertions about its words.

import { formatStatus } from "../../src/cli/format-status.ts";
import type { StatusReport } from "../../src/observe/status.ts";

/** As one line: where lines are broken to fit a terminal does not matter. */
export function statusText(report: StatusReport): string {
  return formatStatus(report).replaceAll(/\s+/g, " ");
}
