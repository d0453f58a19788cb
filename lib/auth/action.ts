import { revalidatePath } from "next/cache";
import { unstable_rethrow } from "next/navigation";
import type { z } from "zod";
import { requestOrigin, requireOwnOrigin } from "@/lib/auth/request";
import { authorizeOrg, type OrgScope } from "@/lib/auth/require-org";
import { authorizeStaff, type StaffPageScope } from "@/lib/auth/require-staff";
import { findSession, type Session } from "@/lib/auth/session";
import { AppError, asAppError, type ErrorCode } from "@/lib/errors";
import { logger } from "@/lib/log";
import type { Actor, RequestOrigin } from "@/lib/orgs/scope";

export type ActionError = {
  /** `outdated` is the browser's: the page is of another build than the hub. */
  code: ErrorCode | "outdated";
  /** English and safe to show; forms prefer their own text for the code. */
  message: string;
  /** Message by field name, as in the schema: `address.city` for a nested one. */
  fields?: Record<string, string>;
  /** How long to wait after rate_limit_exceeded. */
  retryAfterMs?: number;
};
export type ActionResult<Data> = { ok: true; data: Data } | { ok: false; error: ActionError };

/** A signed-in person acting for themselves; the address may be unverified. */
export type UserScope = { readonly actor: Actor; readonly request: RequestOrigin; readonly user: Session };
/** Anybody: the mutation itself decides by code, token or password. */
export type PublicScope = { readonly actor: Actor; readonly request: RequestOrigin };

type Scopes = { org: OrgScope; staff: StaffPageScope; user: UserScope; public: PublicScope };
type ScopeName = keyof Scopes;
type Options<Name extends ScopeName> = {
  scope?: Name;
  /** Pages to render again: `/[org]/keys` means all organisations' page of that pattern. */
  revalidate?: string | readonly string[];
};
type Call<Name extends ScopeName, Input, Data> = Name extends "org"
  ? (slug: string, input: Input) => Promise<ActionResult<Data>>
  : undefined extends Input
    ? (input?: Input) => Promise<ActionResult<Data>>
    : (input: Input) => Promise<ActionResult<Data>>;

/** Makes a server action of a mutation: proves that the request came from our own page, finds the caller's scope, parses
 *  the input, and answers refusals as values. Scope `org`, the default, takes the organisation's slug as its first
 *  argument; `staff`, `user` and `public` take the input alone. Redirects of the mutation pass through. */
export function action<Schema extends z.ZodType, Data, Name extends ScopeName = "org">(
  schema: Schema,
  mutation: (scope: Scopes[Name], input: z.output<Schema>) => Promise<Data> | Data,
  options: Options<Name> = {},
): Call<Name, z.input<Schema>, Data> {
  const name = options.scope ?? "org";
  const run = async (...args: unknown[]): Promise<ActionResult<Data>> => {
    try {
      await requireOwnOrigin();
      const [slug, input] = name === "org" ? args : [undefined, args[0]];
      // safe because GATES[name] makes exactly Scopes[name]
      const scope = (await GATES[name](slug)) as Scopes[Name];
      const data = await mutation(scope, parse(schema, input));
      for (const path of [options.revalidate ?? []].flat())
        revalidatePath(path, path.includes("[") ? "page" : undefined);
      return { ok: true, data };
    } catch (thrown) {
      unstable_rethrow(thrown);
      return { ok: false, error: refusal(thrown) };
    }
  };
  // safe because `run` reads its arguments by the same name
  return run as Call<Name, z.input<Schema>, Data>;
}

const GATES: { [Name in ScopeName]: (slug: unknown) => Promise<Scopes[Name]> } = {
  org: (slug) => authorizeOrg(String(slug)),
  staff: () => authorizeStaff(),
  user: async () => {
    const session = await findSession();
    if (!session) throw new AppError("unauthenticated", "Your session has ended. Sign in again.");
    return { actor: { type: "user", id: session.userId }, request: await requestOrigin(), user: session };
  },
  public: async () => ({ actor: { type: "system", id: "anonymous" }, request: await requestOrigin() }),
};

class InputError extends AppError {
  constructor(readonly issues: readonly z.core.$ZodIssue[]) {
    super("invalid_request", "Some fields need another value.");
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw new InputError(parsed.error.issues);
  return parsed.data;
}

function refusal(thrown: unknown): ActionError {
  const error = asAppError(thrown);
  if (error.status >= 500) logger("action").error({ code: error.code, err: thrown }, error.message);
  const { param, retryAfterMs } = error.details;
  const issues = thrown instanceof InputError ? thrown.issues : [];
  // the first problem of a field is the one to mend first
  const fields = Object.fromEntries(issues.map(({ path, message }) => [path.join("."), message] as const).reverse());
  if (param) fields[param] = error.message;
  return {
    code: error.code,
    message: error.code === "internal_error" ? "Something went wrong here. Try again in a moment." : error.message,
    ...(Object.keys(fields).length > 0 && { fields }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}
