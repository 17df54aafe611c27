/** What is wrong with a record that somebody wants to write, field by field. */
import { parseCidr } from "../../encap/address/cidr.ts";
import type { RecordClaim } from "../datastore/file-records/record-claim.ts";
import { readRecord } from "../datastore/record.ts";
import { type FieldProblem, ProblemList } from "../datastore/record-problem.ts";
import type { RecordKind } from "../datastore/record-store.ts";

type Fields = Readonly<Record<string, unknown>>;

const STATES = ["confirmed", "pending", "pendingDeletion"];

/** @param kind undefined: none of those that are written */
export function checkRecord(
  { raw, inherited }: RecordClaim,
  kind: RecordKind | undefined,
): readonly FieldProblem[] {
  const { problems } = readRecord(raw, inherited);
  if (kind === undefined) return problems.length > 0 ? problems : [passedOver(raw)];
  const list = new ProblemList();
  const { spec } = raw as Fields;
  const isMap = typeof spec === "object" && spec !== null && !Array.isArray(spec);
  const fields = (isMap ? spec : {}) as Fields;
  switch (kind) {
    case "BlockAffinity":
      checkAffinity(fields, list);
      break;
    case "IPAMHandle":
      if (typeof fields["block"] !== "object") list.error(["spec", "block"], "must be an object");
      break;
    case "IPAMConfig":
      if (!isMap) list.error(["spec"], "must be an object", spec);
      break;
    default:
      return problems;
  }
  return list.items;
}

function checkAffinity({ node, cidr, state }: Fields, problems: ProblemList): void {
  if (typeof node !== "string" || node === "") problems.error(["spec", "node"], "missing", node);
  if (typeof cidr === "string") problems.attempt(["spec", "cidr"], cidr, parseCidr);
  else problems.error(["spec", "cidr"], "missing", cidr);
  if (!STATES.includes(String(state))) {
    problems.error(["spec", "state"], `not one of ${STATES.join(", ")}`, state);
  }
}

/** Calico's other kinds come along with an export. */
function passedOver(raw: unknown): FieldProblem {
  const { kind } = raw as Fields;
  const reason = "not a kind that causeway writes; passed over";
  return { path: ["kind"], value: JSON.stringify(kind), reason, severity: "warning" };
}
