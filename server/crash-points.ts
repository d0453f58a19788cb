import fs from "node:fs";
import path from "node:path";
import { type CrashPoint, watchCrashPoints } from "@/lib/crash-points";

/** Kills this process with SIGKILL at the first point for which a file `<point>.armed` lies in `directory`; the file is then
 *  called `<point>.struck`, so that one process dies of it, once. Points that were reached leave `<point>.reached`. */
export function armCrashPoints(directory: string | undefined): void {
  if (directory === undefined) return;
  const at = (point: CrashPoint, state: string) => path.join(directory, `${point}.${state}`);
  const reached = new Set<CrashPoint>();
  watchCrashPoints((point) => {
    if (!reached.has(point)) fs.writeFileSync(at(point, "reached"), "");
    reached.add(point);
    if (!fs.existsSync(at(point, "armed"))) return;
    try {
      fs.renameSync(at(point, "armed"), at(point, "struck"));
    } catch {
      return; // another process was first
    }
    process.kill(process.pid, "SIGKILL");
  });
}
