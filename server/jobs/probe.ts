import type { ProbeTools } from "@/lib/catalog/probe";
import { PROBE_TASK, runProbe } from "@/lib/catalog/probe-task";
import { egressFetch } from "@/lib/egress";
import { callOnce } from "@/lib/gateway/providers/call-once";
import { refusalOf } from "@/lib/gateway/providers/refusal";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { Job } from "@/lib/jobs";

/** "Test credential" and "list models": web adds the job, the worker, which may open secrets, does it. */
export function probeJob(secretsKey: string): Job {
  const tools = probeTools(secretsKey);
  return {
    name: PROBE_TASK,
    maxAttempts: 1, // somebody is waiting for the answer, whatever it is
    run: (payload, { sql }) => runProbe({ ...tools, sql }, payload),
  };
}

export function probeTools(secretsKey: string): ProbeTools {
  return { secretsKey, findProvider, callOnce, refusalOf, fetch: egressFetch("operator") };
}
