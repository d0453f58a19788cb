import type { Logger } from "pino";
import { recheckCredentials } from "@/lib/catalog/probe-task";
import { egressFetch } from "@/lib/egress";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { Sql } from "@/lib/pg";

/** One round over the credentials that their providers refused; reports its own failures. */
export function createCredentialRecheck(deps: { sql: Sql; secretsKey: string; log: Logger }): () => Promise<void> {
  const fetch = egressFetch("operator");
  return async () => {
    try {
      const count = await recheckCredentials({ ...deps, findProvider, fetch });
      if (count > 0) deps.log.info({ count }, "refused credentials work again");
    } catch (err) {
      deps.log.error({ err }, "refused credentials could not be tested");
    }
  };
}
