import type { Health, ProcessRow, Trouble } from "@/lib/health/schema";

const LATE_MS = 5 * 60_000;
const LONGEST_HOLD_MS = 20 * 60_000;
const LONGEST_UNSETTLED_MS = 60_000;
/** A hold is given up after two seconds. */
const SLOW_HOLD_MS = 500;
const LEAST_FREE_SHARE = 0.1;
const MOST_CONNECTIONS_SHARE = 0.9;
/** Of one that ends while the next one is up already. */
const HAND_OVER_MS = 60_000;

/** Everything that is not well, the gravest first; empty: all is well. A pause that a provider asked for is nothing unusual. */
export function troublesOf(health: Omit<Health, "troubles">): Trouble[] {
  const found = findings(health);
  return PLACES.map(([what, at]) => ({ what, at, count: Number(found[what]) })).filter(({ count }) => count > 0);
}

const PLACES = [
  ["brokenBooks", "ledger"],
  ["refusedSettlements", "processes"],
  ["lateSettlements", "processes"],
  ["noGateway", "processes"],
  ["noWorker", "processes"],
  ["unserved", "routes"],
  ["bills", "ledger"],
  ["fullDisk", "processes"],
  ["fullDatabase", "processes"],
  ["slowHolds", "processes"],
  ["longHolds", "processes"],
  ["silent", "processes"],
  ["refused", "routes"],
  ["open", "breakers"],
  ["mail", "queues"],
  ["failedJobs", "queues"],
  ["lateJobs", "queues"],
] as const satisfies readonly [Trouble["what"], Trouble["at"]][];

function findings({
  at,
  books,
  conspicuousBills,
  processes,
  database,
  providers,
  breakers,
  queues,
  mail,
}: Omit<Health, "troubles">) {
  const now = Date.parse(at);
  const alive = processes.filter(({ isSilent }) => !isSilent);
  const runs = (role: string) => alive.some((process) => process.role === role);
  const used = providers.filter(({ enabled }) => enabled);
  const states = (provider: (typeof used)[number]) => provider.credentials.map(({ state }) => state);
  const others = queues.filter(({ task }) => task !== mail.task);
  return {
    brokenBooks: books?.violations ?? 0,
    refusedSettlements: alive.reduce((sum, { refused }) => sum + (refused ?? 0), 0),
    lateSettlements: alive.filter(({ oldestUnsettledMs }) => (oldestUnsettledMs ?? 0) > LONGEST_UNSETTLED_MS).length,
    longHolds: alive.filter(({ oldestCallMs }) => (oldestCallMs ?? 0) > LONGEST_HOLD_MS).length,
    noGateway: !runs("gateway"),
    noWorker: !runs("worker"),
    /** Providers that have credentials, none of which can be used. */
    unserved: used.filter(
      (provider) =>
        states(provider).some((state) => state !== "off") &&
        !states(provider).some((state) => state === "active" || state === "resting"),
    ).length,
    bills: conspicuousBills,
    fullDisk: alive.filter(({ disk }) => disk && disk.freeBytes < disk.totalBytes * LEAST_FREE_SHARE).length,
    fullDatabase: database.connections >= database.maxConnections * MOST_CONNECTIONS_SHARE,
    slowHolds: alive.filter(({ holdP99Ms }) => holdP99Ms !== null && holdP99Ms >= SLOW_HOLD_MS).length,
    silent: processes.filter((one) => one.isSilent && !alive.some((other) => isSuccessor(other, one))).length,
    refused: used.flatMap(states).filter((state) => state === "disabled" || state === "needs_secret").length,
    open: breakers.filter(({ state }) => state !== "resting").length,
    mail: mail.failed + Number(mail.ok === false),
    failedJobs: others.reduce((sum, { failed }) => sum + failed, 0),
    lateJobs: queues.filter(({ oldestAt }) => oldestAt !== null && now - Date.parse(oldestAt) > LATE_MS).length,
  };
}

/** A process that began when the other one ended: a new version under a new name, and nobody is missing. */
function isSuccessor(next: ProcessRow, before: ProcessRow): boolean {
  return next.role === before.role && Date.parse(next.startedAt) > Date.parse(before.beatAt) - HAND_OVER_MS;
}
