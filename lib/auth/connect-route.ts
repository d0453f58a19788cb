import { consumeLimit, networkOf } from "@/lib/auth/limits";
import { endConnectSession, openConnectSession, readConnectSession } from "@/lib/connect/mutations";
import { AppError, asAppError, errorHeaders, openAIErrorBody } from "@/lib/errors";
import { logger } from "@/lib/log";

type Handler = (request: Request) => Promise<Response>;

/** The handlers that the AIGNE CLI calls while its person decides in the browser. It reads every answer as JSON, and any error
 *  ends its waiting. */
export function accessKeySessions(): Record<"GET" | "POST" | "DELETE", Handler> {
  return {
    POST: answered(async (request) => {
      const ip = request.headers.get("x-forwarded-for")?.split(",")[0]?.trim() || null;
      await consumeLimit("connect", networkOf(ip));
      return openConnectSession();
    }),
    GET: answered(async (request) => (await readConnectSession(sessionId(request))) ?? {}),
    DELETE: answered(async (request) => {
      await endConnectSession(sessionId(request));
      return {};
    }),
  };
}

/** Where the CLI sends the browser: on to the page, with the parameters it reads. Logos of strangers are not loaded. */
export function toConnectPage(): Handler {
  return async (request) => {
    const asked = new URL(request.url).searchParams;
    const kept = new URLSearchParams();
    for (const name of ["__token__", "appName", "source", "closeOnSuccess"]) {
      const value = asked.get(name);
      if (value !== null) kept.set(name, value.slice(0, 300));
    }
    return new Response(null, { status: 307, headers: { location: `/connect?${kept}`, "cache-control": "no-store" } });
  };
}

function answered(run: (request: Request) => Promise<object>): Handler {
  return async (request) => {
    const headers = { "cache-control": "no-store" };
    try {
      return Response.json(await run(request), { headers });
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) logger("connect").error({ err: thrown, code: error.code }, error.message);
      return Response.json(openAIErrorBody(error), {
        status: error.status,
        headers: { ...errorHeaders(error), ...headers },
      });
    }
  };
}

function sessionId(request: Request): string {
  const sid = new URL(request.url).searchParams.get("sid");
  if (!sid) throw new AppError("invalid_request", "sid: is required.", { param: "sid" });
  return sid;
}
