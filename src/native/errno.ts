/** Names and phrases of Linux error numbers. */
import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** Numbers that Node has no name for, or another one than the kernel's sources use. */
const KERNEL_NAMES: readonly (readonly [number, string])[] = [
  [11, "EAGAIN"],
  [95, "EOPNOTSUPP"],
  [524, "ENOTSUPP"],
];

const NAMES = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, errno]) => [errno, name] as const),
  ...KERNEL_NAMES,
]);

/** The symbolic name of a positive error number, for example "EEXIST". */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** What an error number means, in a few words. */
export function errnoPhrase(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`;
}

/** A system call that failed; `code` is the symbolic errno, as in Node's own errors. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;

  /** The number in an error of Node's own, which has it negative; -1 if it is another error. */
  static errnoOf(error: unknown): number {
    const { errno } = error as { errno?: unknown };
    return typeof errno === "number" ? Math.abs(errno) : -1;
  }

  constructor(call: string, errno: number) {
    super(`${call}: ${errnoPhrase(errno)} (${errnoName(errno)})`);
    this.name = "SystemCallError";
    this.code = errnoName(errno);
    this.errno = errno;
  }
}
