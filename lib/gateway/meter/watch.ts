import type { GatewayStatistics } from "@/lib/gateway/runtime";

const LONGEST_HOLD_MS = 20 * 60_000;
const LONGEST_SPOOLED_MS = 60_000;

/** Returns a look at the money path's figures, to be taken now and then: it raises what somebody must see, once as long as it
 *  lasts. A refused settlement is raised where it happens. */
export function createWatch(raise: (alarm: Error) => void): (figures: GatewayStatistics) => void {
  const raised = new Set<string>();
  const judge = (name: string, isWrong: boolean, message: string) => {
    if (!isWrong) raised.delete(name);
    else if (!raised.has(name)) {
      raised.add(name);
      raise(new Error(message));
    }
  };
  return ({ oldestCallMs, oldestUnsettledMs, unsettled }) => {
    judge("hold", oldestCallMs > LONGEST_HOLD_MS, "a hold has been open for more than 20 minutes");
    judge(
      "spool",
      oldestUnsettledMs > LONGEST_SPOOLED_MS,
      `the spool has not been empty for a minute: ${unsettled} settlements wait for the database`,
    );
  };
}
