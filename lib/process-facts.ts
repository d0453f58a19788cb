import { createDiskWatch, type DiskSpace } from "@/lib/disk-space";

/** What a process says of itself; shares of one core, so that two busy cores are 2. */
export type ProcessFacts = { uptimeMs: number; rssBytes: number; cpuShare: number; disk: DiskSpace | null };

/** The CPU share is that of the time since the last reading; `directory` is where the process writes, null: nowhere. */
export function createProcessFacts(directory: string | null = null): () => ProcessFacts {
  const disk = createDiskWatch(directory);
  let cpu = process.cpuUsage();
  let at = performance.now();
  return () => {
    const spent = process.cpuUsage(cpu);
    const now = performance.now();
    const cpuShare = (spent.user + spent.system) / 1000 / Math.max(1, now - at);
    cpu = process.cpuUsage();
    at = now;
    return {
      uptimeMs: Math.round(process.uptime() * 1000),
      rssBytes: process.memoryUsage.rss(),
      cpuShare,
      disk: disk(),
    };
  };
}
