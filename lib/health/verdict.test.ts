import { expect, it } from "vitest";
import type { Health } from "@/lib/health/schema";
import { troublesOf } from "@/lib/health/verdict";

const process = {
  isSilent: false,
  startedAt: "2026-01-01T00:00:00Z",
  beatAt: "2026-01-01T00:10:00Z",
  disk: { freeBytes: 20, totalBytes: 100 },
  holdP99Ms: 12,
};
const provider = { enabled: true, credentials: [{ state: "active" }, { state: "resting" }] };
const well = {
  at: "2026-01-01T00:10:00Z",
  books: { violations: 0 },
  conspicuousBills: 0,
  processes: ["gateway", "web", "worker"].map((role) => ({ ...process, role })),
  database: { connections: 10, maxConnections: 100 },
  providers: [provider, { enabled: true, credentials: [] }, { enabled: false, credentials: [{ state: "disabled" }] }],
  breakers: [{ state: "resting" }],
  queues: [{ task: "rerate", failed: 0, oldestAt: "2026-01-01T00:09:00Z" }],
  mail: { task: "send_mail", ok: true, failed: 0 },
};
const troubles = (changed: object) =>
  troublesOf({ ...well, ...changed } as unknown as Health).map(({ what, count }) => `${what} ${count}`);

it("has nothing to say of a hub that is well", () => {
  expect(troubles({})).toEqual([]);
  expect(troubles({ books: null, mail: { ...well.mail, ok: null } })).toEqual([]);
});

it.each<[string, object, string[]]>([
  ["books that do not balance", { books: { violations: 2 } }, ["brokenBooks 2"]],
  [
    "a process that is silent",
    { processes: [...well.processes, { ...process, role: "gateway", isSilent: true }] },
    ["silent 1"],
  ],
  [
    "none that another one has followed",
    {
      processes: [...well.processes, { ...process, role: "gateway", isSilent: true, beatAt: "2026-01-01T00:00:40Z" }],
    },
    [],
  ],
  ["bills that are not what was counted", { conspicuousBills: 2 }, ["bills 2"]],
  ["no worker", { processes: well.processes.slice(0, 2) }, ["noWorker 1"]],
  [
    "a disk that fills up, and slow holds",
    { processes: well.processes.map((one) => ({ ...one, disk: { freeBytes: 9, totalBytes: 100 }, holdP99Ms: 500 })) },
    ["fullDisk 3", "slowHolds 3"],
  ],
  [
    "what the money path must not show",
    {
      processes: well.processes.map((one) => ({
        ...one,
        oldestCallMs: 1_200_001,
        oldestUnsettledMs: 60_001,
        refused: 2,
      })),
    },
    ["refusedSettlements 6", "lateSettlements 3", "longHolds 3"],
  ],
  ["few connections left", { database: { connections: 90, maxConnections: 100 } }, ["fullDatabase 1"]],
  [
    "a refused credential",
    { providers: [{ ...provider, credentials: [{ state: "active" }, { state: "disabled" }] }] },
    ["refused 1"],
  ],
  [
    "a provider without any other",
    { providers: [{ ...provider, credentials: [{ state: "disabled" }] }] },
    ["unserved 1", "refused 1"],
  ],
  ["an open breaker", { breakers: [{ state: "open" }, { state: "half_open" }] }, ["open 2"]],
  ["mail that does not leave", { mail: { task: "send_mail", ok: false, failed: 3 } }, ["mail 4"]],
  [
    "jobs given up, and late ones",
    { queues: [{ task: "rerate", failed: 2, oldestAt: "2026-01-01T00:04:00Z" }] },
    ["failedJobs 2", "lateJobs 1"],
  ],
])("names %s", (_what, changed, expected) => {
  expect(troubles(changed)).toEqual(expected);
});
