// A test worker whose vitest was killed works on, and with it all that it started, for minutes in the worst case.

/** Ends this process, with its exit handlers, when the one that started it is gone. */
export function exitWithParent(): void {
  process.off("disconnect", exit);
  process.once("disconnect", exit);
}

function exit(): void {
  process.exit(1);
}
