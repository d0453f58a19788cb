import { authorizeOrg, type OrgScope } from "@/lib/auth/require-org";
import { authorizeStaff, type StaffPageScope } from "@/lib/auth/require-staff";
import { asAppError, openAIErrorBody } from "@/lib/errors";
import { logger } from "@/lib/log";
import type { PlatformPermission } from "@/lib/orgs/permissions";

type Context = { params: Promise<{ org: string }> };
type Handler = (scope: OrgScope, request: Request) => Response | Promise<Response>;

/** Makes a GET handler of a console page's own: proves the session, finds the organisation by the slug in the path, and
 *  answers refusals as JSON. What it serves is for one person, so nothing between may keep it. */
export function orgRoute(handler: Handler): (request: Request, context: Context) => Promise<Response> {
  return (request, { params }) => answer(async () => handler(await authorizeOrg((await params).org), request));
}

/** The same for a page of the operator's: it proves a session of staff with this permission. */
export function staffRoute(
  permission: PlatformPermission,
  handler: (scope: StaffPageScope, request: Request) => Response | Promise<Response>,
): (request: Request) => Promise<Response> {
  return (request) => answer(async () => handler(await authorizeStaff(permission), request));
}

async function answer(run: () => Promise<Response>): Promise<Response> {
  try {
    return await run();
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.status >= 500) logger("console").error({ err: thrown, code: error.code }, error.message);
    return Response.json(openAIErrorBody(error), { status: error.status, headers: { "cache-control": "no-store" } });
  }
}
