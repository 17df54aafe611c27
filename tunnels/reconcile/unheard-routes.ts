/**
 * Route events cost the kernel a tenth of the time it takes to write a route, even if nobody looks at
 * them. So very many routes are written without listening, and read back as soon as they are there:
 * what others did meanwhile is found then.
 */
import type { Kernel } from "../kernel/kernel.ts";

/** Below that the time saved is less than one read-back costs. */
export const MANY_ROUTES = 20_000;

/** @param onMissed called when events come again, also if `work` failed: those till then are lost. */
export async function withoutRouteEvents(
  kernel: Kernel,
  work: () => Promise<void>,
  onMissed: () => void,
): Promise<void> {
  kernel.pauseRouteEvents();
  try {
    await work();
  } finally {
    kernel.resumeRouteEvents();
    onMissed();
  }
}
