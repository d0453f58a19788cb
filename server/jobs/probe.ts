import { PROBE_TASK, runProbe } from "@/lib/catalog/probe-task";
import { egressFetch } from "@/lib/egress";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { Job } from "@/lib/jobs";

/** "Test credential" and "list models": web adds the job, the worker, which may open secrets, does it. */
export function probeJob(secretsKey: string): Job {
  const fetch = egressFetch("operator");
  return {
    name: PROBE_TASK,
    maxAttempts: 1, // somebody is waiting for the answer, whatever it is
    run: (payload, { sql }) => runProbe({ sql, secretsKey, findProvider, fetch }, payload),
  };
}
