import { AsyncLocalStorage } from "node:async_hooks";
import { headers } from "next/headers";
import { NextRequest } from "next/server";
import NextAuth, { type NextAuthConfig } from "next-auth";
import Credentials from "next-auth/providers/credentials";
import GitHub from "next-auth/providers/github";
import Google from "next-auth/providers/google";
import { rememberMethod, SIGN_IN_METHODS } from "@/lib/auth/last-method";
import { createSession, deleteSession, findOrCreateByAccount } from "@/lib/auth/mutations";
import { safeNextPath } from "@/lib/auth/next-path";
import { cookieName, cookieOptions, isSecureSite } from "@/lib/auth/session-cookie";
import { env } from "@/lib/env";
import { emailAddress } from "@/lib/fields";
import { logger } from "@/lib/log";
import { publicOrigin } from "@/lib/origin";

const COOKIE_LIFE_SECONDS = 14 * 24 * 60 * 60;

/** Who is being signed in by a server action that has proved it. A request from outside never has a value here, so
 *  next-auth's own credentials callback signs nobody in. */
const proved = new AsyncLocalStorage<string>();

const auth = NextAuth(() => config());

/** Starts a session of this person: a new row and cookie. The caller has proved who they are. */
export async function startSession(userId: string): Promise<void> {
  await proved.run(userId, () => auth.signIn("credentials", { redirect: false }));
}

/** Deletes the session's row and cookie. */
export async function endSession(): Promise<void> {
  await auth.signOut({ redirect: false });
}

/** The provider's page to go to; `next` is where the person ends up. */
export async function providerAddress(provider: "github" | "google", next: string): Promise<string> {
  return auth.signIn(provider, { redirect: false, redirectTo: next });
}

/** The one address next-auth answers itself: GitHub and Google send people back to it. */
export function providerCallback(): (request: Request) => Promise<Response> {
  return ({ url, headers }) => {
    // the request carries web's internal address; the provider was told the one that people see
    const { pathname, search } = new URL(url);
    return auth.handlers.GET(new NextRequest(publicOrigin(headers, env().publicUrl) + pathname + search, { headers }));
  };
}

function config(): NextAuthConfig {
  const { authSecret, authGithub, authGoogle, authSimulatorUrl } = env();
  const name = cookieName("session");
  const options = cookieOptions();
  return {
    secret: authSecret,
    trustHost: true,
    basePath: "/api/auth",
    session: { strategy: "jwt", maxAge: COOKIE_LIFE_SECONDS },
    useSecureCookies: isSecureSite(),
    cookies: { sessionToken: { name, options } },
    pages: { signIn: "/sign-in", error: "/sign-in" },
    logger: {
      error: (error) => logger("auth").warn({ err: error }, "sign-in failed"),
      warn: () => {},
      debug: () => {},
    },
    providers: [
      Credentials({ credentials: {}, authorize: () => personOf(proved.getStore()) }),
      ...(authGithub ? [github(authGithub, authSimulatorUrl)] : []),
      ...(authGoogle ? [google(authGoogle, authSimulatorUrl)] : []),
    ],
    callbacks: {
      async signIn({ user, account, profile }) {
        if (!account || account.provider === "credentials") return true;
        const address = emailAddress.safeParse(user.email);
        const found = await findOrCreateByAccount({
          provider: account.provider,
          subject: account.providerAccountId,
          email: address.success ? address.data : null,
          // GitHub does not say; its people confirm the address with a code
          isVerified: account.provider === "google" && profile?.email_verified === true,
          name: user.name ?? null,
          openedAt: openingOf(profile),
        });
        if ("refused" in found) return `/sign-in?error=${found.refused}`;
        user.id = found.userId;
        return true;
      },
      // What a browser sends with the `update` trigger is never read: the token holds `sid` and nothing else.
      async jwt({ token, user, trigger, account }) {
        if ((trigger !== "signIn" && trigger !== "signUp") || !user?.id) return { sid: token.sid };
        const method = SIGN_IN_METHODS.find((known) => known === account?.provider);
        if (method) await rememberMethod(method);
        const incoming = await headers();
        const ip = incoming.get("x-forwarded-for")?.split(",")[0]?.trim() || null;
        return { sid: await createSession(user.id, { ip, userAgent: incoming.get("user-agent") }) };
      },
      redirect: ({ url, baseUrl }) => {
        const path = url.startsWith(`${baseUrl}/`) ? url.slice(baseUrl.length) : url;
        return baseUrl + (safeNextPath(path) ?? "/");
      },
    },
    events: {
      async signOut(message) {
        const sid = "token" in message ? message.token?.sid : undefined;
        if (typeof sid === "string") await deleteSession(sid);
      },
    },
  };
}

type Application = { id: string; secret: string };

/** `state` as well as PKCE: an answer belongs to the browser that asked, whether or not the provider looks at the challenge. */
function github({ id: clientId, secret: clientSecret }: Application, simulatorUrl: string | undefined) {
  const enterprise = simulatorUrl ? { baseUrl: `${simulatorUrl}/github` } : undefined;
  return GitHub({ clientId, clientSecret, enterprise, checks: ["pkce", "state"] });
}

function google({ id: clientId, secret: clientSecret }: Application, simulatorUrl: string | undefined) {
  const issuer = simulatorUrl ? { issuer: `${simulatorUrl}/google` } : {};
  return Google({ clientId, clientSecret, ...issuer, checks: ["pkce", "state", "nonce"] });
}

function personOf(userId: string | undefined): { id: string } | null {
  return userId ? { id: userId } : null;
}

/** GitHub says since when an account is there, Google does not. */
function openingOf(profile: object | undefined): Date | null {
  const at = new Date(profile && "created_at" in profile ? String(profile.created_at) : "");
  return Number.isNaN(at.getTime()) ? null : at;
}
