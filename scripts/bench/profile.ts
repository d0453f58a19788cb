import fs from "node:fs";
import path from "node:path";

type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
};

export type Cost = { where: string; share: number };

/** The functions in which a profile's time was spent, dearest first, idle time left out. */
export function topCosts(file: string, limit = 35): { busyMs: number; costs: Cost[] } {
  const profile = JSON.parse(fs.readFileSync(file, "utf8")) as CpuProfile;
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const spent = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of profile.samples.entries()) {
    const frame = byId.get(id)?.callFrame;
    const microseconds = profile.timeDeltas[index] ?? 0;
    if (!frame || frame.functionName === "(idle)" || frame.functionName === "(program)" || microseconds < 0) continue;
    const where = `${frame.functionName || "(anonymous)"} ${placeOf(frame.url, frame.lineNumber)}`;
    spent.set(where, (spent.get(where) ?? 0) + microseconds);
    busy += microseconds;
  }
  const costs = [...spent].map(([where, microseconds]) => ({ where, share: microseconds / busy }));
  return { busyMs: busy / 1_000, costs: costs.sort((a, b) => b.share - a.share).slice(0, limit) };
}

/** The profile with the most samples: a gateway that forks writes one per process, and only one of them worked. */
export function busiestProfile(directory: string): string | null {
  const files = fs.readdirSync(directory).filter((name) => name.endsWith(".cpuprofile"));
  const sized = files.map((name) => path.join(directory, name)).map((file) => ({ file, ...topCosts(file, 0) }));
  return sized.sort((a, b) => b.busyMs - a.busyMs)[0]?.file ?? null;
}

function placeOf(url: string, line: number): string {
  const short = url.replace(/^file:\/\//, "").replace(/^.*\/node_modules\//, "");
  return short ? `${path.basename(path.dirname(short))}/${path.basename(short)}:${line + 1}` : "";
}
