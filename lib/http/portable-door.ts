import { databaseUrlFor, env } from "@/lib/env";
import { AppError, errorHeaders, openAIErrorBody } from "@/lib/errors";
import { type GatewayRuntime, startGateway } from "@/lib/gateway/runtime";
import { answerWebRequest } from "@/lib/http/web-door";
import { newId } from "@/lib/ids";
import { logger } from "@/lib/log";

/** Route handler of every `/api/v1` path in hosts that run only Next: `next start`, `next dev`, serverless. The hub's own
 *  gateway answers these paths before they reach web. Calls providers only where this process holds HUB_SECRETS_KEY. */
export function portableRoute(): (request: Request) => Promise<Response> {
  return async (request) => {
    if (!env().secretsKey) return refuse();
    runtime ??= start();
    const { gateway } = await runtime;
    // a web Request has no peer, and whoever reaches this door writes the headers: keys bound to addresses are refused
    return answerWebRequest(gateway, request, null);
  };
}

let runtime: Promise<GatewayRuntime> | undefined;

function start(): Promise<GatewayRuntime> {
  const settings = env();
  const log = logger("portable-door");
  const started = startGateway({
    databaseUrl: databaseUrlFor("gateway"),
    node: `${settings.gatewayNode}/portable`,
    secretsKey: settings.secretsKey,
    peppers: [settings.keyPepper, ...(settings.keyPepperPrevious ? [settings.keyPepperPrevious] : [])],
    namedStatements: settings.pgNamedStatements,
    spoolDirectory: null,
    log,
    onFenced: () =>
      log.error("another process has taken this node's name: set HUB_NODE_NAME to a name of its own for each host"),
  });
  // a failed start must not be remembered: the database may be back for the next call
  started.catch(() => {
    runtime = undefined;
  });
  return started;
}

function refuse(): Response {
  const error = new AppError(
    "unavailable",
    "This process has no key for provider credentials (HUB_SECRETS_KEY), so it cannot call providers. Call the hub's gateway instead.",
    { retry: false },
  );
  const id = newId("req");
  const headers = {
    "content-type": "application/json",
    "access-control-allow-origin": "*",
    "x-request-id": id,
    "request-id": id,
    ...errorHeaders(error),
  };
  return new Response(JSON.stringify(openAIErrorBody(error)), { status: error.status, headers });
}
