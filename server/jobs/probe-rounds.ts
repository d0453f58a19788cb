import type { Logger } from "pino";
import { checkOnSchedule, probeOpenRoutes, recheckCredentials } from "@/lib/catalog/probe-rounds";
import type { ProbeDependencies } from "@/lib/catalog/probe-task";
import type { Sql } from "@/lib/pg";
import { probeTools } from "@/server/jobs/probe";

const ROUNDS: readonly [string, (dependencies: ProbeDependencies) => Promise<number>][] = [
  ["refused credentials work again", recheckCredentials],
  ["routes with open breakers work again", probeOpenRoutes],
  ["credentials were looked at on schedule", checkOnSchedule],
];

/** One round over what the worker looks at by itself; each part reports its own failures. */
export function createProbeRounds(deps: { sql: Sql; secretsKey: string; log: Logger }): () => Promise<void> {
  const tools = { ...probeTools(deps.secretsKey), sql: deps.sql };
  return async () => {
    for (const [what, round] of ROUNDS) {
      try {
        const count = await round(tools);
        if (count > 0) deps.log.info({ count }, what);
      } catch (err) {
        deps.log.error({ err, event: round.name }, "a round of checks failed");
      }
    }
  };
}
