import { z } from "zod";
import { AppError, errorHeaders, openAIErrorBody } from "@/lib/errors";
import { recordDenial } from "@/lib/http/admin-denial";
import { asAdminError } from "@/lib/http/admin-failures";
import { type Answer, once } from "@/lib/http/admin-idempotency";
import { parseJson, readBody, readQuery, validate } from "@/lib/http/admin-input";
import { newId } from "@/lib/ids";
import { authenticateManagementKey } from "@/lib/keys/admin-management-keys";
import { logger } from "@/lib/log";
import type { PlatformPermission } from "@/lib/orgs/permissions";
import { mintStaffScope, type RequestOrigin, type StaffScope } from "@/lib/orgs/scope";

export const ADMIN_BASE = "/api/admin/v1";
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Input<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** One line of the admin API: what it is called, needs, accepts and answers. The OpenAPI document comes from the same
 *  schemas. A parameter written `{name+}` may contain slashes. */
export type Endpoint<
  Params extends z.ZodObject | undefined = z.ZodObject | undefined,
  Query extends z.ZodObject | undefined = z.ZodObject | undefined,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
  Response extends z.ZodType = z.ZodType,
> = {
  method: Method;
  path: `/${string}`;
  summary: string;
  permission: PlatformPermission;
  params?: Params;
  query?: Query;
  body?: Body;
  response: Response;
  /** Where a body may be larger than usual. */
  maxBodyBytes?: number;
  /** Of a success; 200 unless something is created. */
  status?: 200 | 201;
  /** A change answers what its transaction returned, unaltered: its answer may be kept there (`change` of lib/db.ts). */
  run(
    scope: StaffScope,
    input: { params: Input<Params>; query: Input<Query>; body: Input<Body> },
  ): Promise<z.input<Response>>;
};

/** Identity, so that an endpoint is checked and its types inferred where it stands. */
export function endpoint<
  Params extends z.ZodObject | undefined,
  Query extends z.ZodObject | undefined,
  Body extends z.ZodType | undefined,
  Response extends z.ZodType,
>(declaration: Endpoint<Params, Query, Body, Response>): Endpoint {
  // safe because `serve` passes to `run` only what the declaration's own schemas returned
  return declaration as unknown as Endpoint;
}

export function listOf<Row extends z.ZodType>(row: Row) {
  return z.object({ data: z.array(row), nextCursor: z.string().nullable() });
}

type Handler = (request: Request) => Promise<Response>;

/** The handlers of one route file. Methods without an endpoint answer 405 in the error shape. */
export function adminRoute(...endpoints: Endpoint[]): Record<Method, Handler> {
  const allow = endpoints.map(({ method }) => method).join(", ");
  const handler = (method: Method): Handler => {
    const own = endpoints.find((candidate) => candidate.method === method);
    if (own) return (request) => answer(request, (requestId) => serve(own, request, requestId));
    return (request) =>
      answer(request, () => {
        if (endpoints.length === 0) throw new AppError("unknown_url", `Unknown path ${new URL(request.url).pathname}.`);
        throw new AppError("method_not_allowed", `Use ${allow} on this path.`, { headers: { allow } });
      });
  };
  return {
    GET: handler("GET"),
    POST: handler("POST"),
    PUT: handler("PUT"),
    PATCH: handler("PATCH"),
    DELETE: handler("DELETE"),
  };
}

async function serve(own: Endpoint, request: Request, requestId: string): Promise<Response> {
  const secret = bearer(request);
  const caller = await authenticateManagementKey(secret);
  const key = request.headers.get("idempotency-key");
  const scopeWith = (remember?: RequestOrigin["remember"]) =>
    mintStaffScope({
      actor: { type: "key", id: caller.keyId },
      permissions: caller.permissions,
      request: { id: requestId, ip: clientAddress(request), idempotencyKey: key ?? undefined, remember },
    });
  if (!caller.permissions.has(own.permission)) {
    await recordDenial(scopeWith(), `${own.method} ${own.path}`);
    throw new AppError("forbidden", `This management key lacks the permission "${own.permission}".`);
  }
  const url = new URL(request.url);
  const text = own.method === "GET" ? "" : await readBody(request, own.maxBodyBytes);
  const input = {
    params: own.params && validate(own.params, pathParameters(own.path, url.pathname), "path parameter"),
    query: own.query && validate(own.query, readQuery(url.searchParams), "query parameter"),
    body: own.body && validate(own.body, parseJson(text), "field"),
  };
  // safe because `endpoint` ties `run` to these schemas
  const run = (scope: StaffScope) => own.run(scope, input as Parameters<typeof own.run>[1]);
  // the response schema is an allow-list: what it does not name never leaves
  const answerOf = (result: unknown): Answer => ({ status: own.status ?? 200, body: own.response.parse(result) });
  if (key === null || own.method === "GET") return json(answerOf(await run(scopeWith())));
  const done = await once(
    { keyId: caller.keyId, secret: secret as string, path: url.pathname, key, method: own.method, body: text },
    (remember) => run(scopeWith(remember)),
    answerOf,
  );
  return json(done, done.replayed ? { "x-aigne-replayed": "true" } : {});
}

async function answer(request: Request, run: (requestId: string) => Promise<Response> | Response): Promise<Response> {
  const requestId = newId("req");
  const response = await Promise.resolve()
    .then(() => run(requestId))
    .catch((thrown: unknown) => renderError(thrown, request, requestId));
  response.headers.set("x-request-id", requestId);
  response.headers.set("cache-control", "private, no-store");
  return response;
}

function renderError(thrown: unknown, request: Request, requestId: string): Response {
  const error = asAdminError(thrown);
  if (error.status >= 500) {
    const { pathname } = new URL(request.url);
    logger("admin-api").error(
      { requestId, method: request.method, path: pathname, code: error.code, err: thrown },
      error.message,
    );
  }
  return Response.json(openAIErrorBody(error), { status: error.status, headers: errorHeaders(error) });
}

function json({ status, body }: Answer, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}

function bearer(request: Request): string | null {
  const match = /^\s*bearer\s+(\S+)\s*$/i.exec(request.headers.get("authorization") ?? "");
  return match?.[1] ?? null;
}

/** The gateway in front strips what clients send and sets its own. */
function clientAddress(request: Request): string | null {
  return request.headers.get("x-forwarded-for")?.split(",")[0]?.trim() || null;
}

function pathParameters(template: string, pathname: string): Record<string, string> {
  const names = [...template.matchAll(/\{(\w+)\+?\}/g)].map(([, name = ""]) => name);
  const pattern = template.replace(/\{\w+(\+?)\}/g, (_, greedy: string) => (greedy ? "(.+)" : "([^/]+)"));
  const match = new RegExp(`^${pattern}/?$`).exec(pathname.slice(ADMIN_BASE.length));
  if (!match) throw new AppError("unknown_url", `Unknown path ${pathname}.`);
  return Object.fromEntries(names.map((name, index) => [name, decode(match[index + 1] ?? "")]));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AppError("invalid_request", "The path is not valid percent-encoded text.");
  }
}
