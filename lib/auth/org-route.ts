import { authorizeOrg, type OrgScope } from "@/lib/auth/require-org";
import { asAppError, openAIErrorBody } from "@/lib/errors";
import { logger } from "@/lib/log";

type Context = { params: Promise<{ org: string }> };
type Handler = (scope: OrgScope, request: Request) => Response | Promise<Response>;

/** Makes a GET handler of a console page's own: proves the session, finds the organisation by the slug in the path, and
 *  answers refusals as JSON. What it serves is for one person, so nothing between may keep it. */
export function orgRoute(handler: Handler): (request: Request, context: Context) => Promise<Response> {
  return async (request, { params }) => {
    try {
      return await handler(await authorizeOrg((await params).org), request);
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) logger("console").error({ err: thrown, code: error.code }, error.message);
      return Response.json(openAIErrorBody(error), { status: error.status, headers: { "cache-control": "no-store" } });
    }
  };
}
