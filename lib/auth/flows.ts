import { redirect } from "next/navigation";
import type { PublicScope, UserScope } from "@/lib/auth/action";
import { finishSetup, setUpHub } from "@/lib/auth/admin-setup";
import { inEvenTime } from "@/lib/auth/even-time";
import { keepFirstKey } from "@/lib/auth/first-key";
import { browserSecret, isKnownBrowser, rememberBrowser } from "@/lib/auth/known-browser";
import { rememberMethod } from "@/lib/auth/last-method";
import { consumeLimit, networkOf } from "@/lib/auth/limits";
import {
  changePassword,
  checkPassword,
  completeSignUp,
  createOwnOrg,
  issueCode,
  issueLink,
  redeemMagicLink,
  requireSignUpAllowed,
  resetPassword,
  revokeSessions,
} from "@/lib/auth/mutations";
import { endSession, providerAddress, startSession } from "@/lib/auth/next-auth";
import { safeNextPath } from "@/lib/auth/next-path";
import { hashPassword } from "@/lib/auth/password";
import { forgetPendingSignUp, keepPendingSignUp, readPendingSignUp } from "@/lib/auth/pending-sign-up";
import { homeOf } from "@/lib/auth/queries";
import type { SetupInput, SignInInput, SignUpInput } from "@/lib/auth/schema";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { DEFAULT_LOCALE, isLocale, type Locale } from "@/lib/locale";
import { acceptInvitation, inviteMembers } from "@/lib/orgs/mutations";
import type { InviteInput } from "@/lib/orgs/schema";
import type { Scope } from "@/lib/orgs/scope";
import messages from "@/messages/en.json" with { type: "json" };
import ja from "@/messages/ja.json" with { type: "json" };
import zh from "@/messages/zh.json" with { type: "json" };
import zhTW from "@/messages/zh-TW.json" with { type: "json" };

// What the forms of app/(auth) do: mutations put together with cookies. Where a session starts or ends the server moves on
// by itself, since the page of the form may no longer exist for who is signed in now; others answer the path to go to.

type Next = { to: string };
const ORG_NAMES: Record<Locale, string> = {
  en: messages.auth.signUp.orgName,
  zh: zh.auth.signUp.orgName,
  "zh-TW": zhTW.auth.signUp.orgName,
  ja: ja.auth.signUp.orgName,
};

export async function signIn(scope: PublicScope, { email, password, next }: SignInInput): Promise<never> {
  const userId = await checkPassword(scope, { email, password }, await isKnownBrowser(email));
  await enter(userId, email, "password");
  redirect(safeNextPath(next) ?? (await homeOf(userId)));
}

/** For a page that stays as it is: its person's session has ended, and they prove once more who they are. */
export async function signInAgain(scope: PublicScope, { email, password }: SignInInput): Promise<null> {
  const userId = await checkPassword(scope, { email, password }, await isKnownBrowser(email));
  await enter(userId, email, "password");
  return null;
}

/** Moves to `next`, where somebody else signs in, or to the sign-in page. */
export async function signOut(_scope: PublicScope, input?: { next?: string }): Promise<never> {
  await endSession();
  redirect(safeNextPath(input?.next) ?? "/sign-in");
}

export async function signInByProvider(
  _scope: PublicScope,
  { provider, next }: { provider: "github" | "google"; next?: string },
): Promise<Next> {
  // the sign-in page sends whoever is signed in home
  return { to: await providerAddress(provider, safeNextPath(next) ?? "/sign-in") };
}

export async function signUp(scope: PublicScope, { name, email, password, locale, next }: SignUpInput): Promise<Next> {
  await consumeLimit("signUp", networkOf(scope.request.ip));
  await requireSignUpAllowed(email);
  const path = safeNextPath(next);
  // whoever follows an invitation has an organisation to join
  const orgName = path?.startsWith("/invite/") ? null : ORG_NAMES[locale].replace("{name}", name);
  const passwordHash = await hashPassword(password);
  await inEvenTime(() => sendCode(scope, { email, locale, name, passwordHash, orgName, next: path }));
  return { to: "/verify" };
}

/** For a signed-in person whose address is not proved yet, and for "send a new code". */
export async function requestCode(scope: PublicScope | UserScope): Promise<Next> {
  const pending = await readPendingSignUp();
  if (pending) await sendCode(scope, pending);
  else if ("user" in scope && !scope.user.isVerified) {
    const { email, locale, name } = scope.user;
    const language = isLocale(locale) ? locale : DEFAULT_LOCALE;
    await sendCode(scope, {
      email,
      locale: language,
      name: null,
      passwordHash: null,
      orgName: name && ORG_NAMES[language].replace("{name}", name),
      next: null,
    });
  } else throw new AppError("invalid_code", "There is no sign-up in this browser. Start again.");
  return { to: "/verify" };
}

type Asked = Omit<Parameters<typeof keepPendingSignUp>[0], "flowId" | "sentAt">;

async function sendCode(scope: PublicScope | UserScope, asked: Asked): Promise<void> {
  const flowId = newId("flow");
  await issueCode(
    scope,
    { flowId, email: asked.email, locale: asked.locale },
    {
      verify: (code) => linkTo(`/verify?code=${code}`),
      signIn: linkTo("/sign-in"),
    },
  );
  await keepPendingSignUp({ ...asked, flowId, sentAt: Date.now() });
}

export async function verify(scope: PublicScope, { code }: { code: string }): Promise<never> {
  const pending = await readPendingSignUp();
  if (!pending) throw new AppError("invalid_code", "There is no sign-up in this browser. Start again.");
  const { userId, slug } = await completeSignUp(scope, pending, code);
  await enter(userId, pending.email, "password");
  await forgetPendingSignUp();
  redirect(pending.next ?? (slug ? `/${slug}` : await homeOf(userId)));
}

export async function requestReset(
  scope: PublicScope,
  { email, locale }: { email: string; locale: Locale },
): Promise<null> {
  const asked = { email, locale, browser: "" };
  await inEvenTime(() => issueLink(scope, "reset", asked, (token) => linkTo(`/reset?token=${token}`)));
  return null;
}

export async function requestMagicLink(
  scope: PublicScope,
  { email, locale, next }: { email: string; locale: Locale; next?: string },
): Promise<null> {
  const path = safeNextPath(next);
  const more = path ? `&next=${encodeURIComponent(path)}` : "";
  const asked = { email, locale, browser: await browserSecret() };
  await inEvenTime(() => issueLink(scope, "magic", asked, (token) => linkTo(`/magic?token=${token}${more}`)));
  return null;
}

export async function redeemLink(
  scope: PublicScope,
  { token, next }: { token: string; next?: string },
): Promise<never> {
  const { userId, email } = await redeemMagicLink(scope, { token, browser: await browserSecret() });
  await enter(userId, email, "link");
  redirect(safeNextPath(next) ?? (await homeOf(userId)));
}

export async function reset(scope: PublicScope, input: { token: string; password: string }): Promise<never> {
  const { userId, email } = await resetPassword(scope, input);
  await enter(userId, email, "password");
  redirect(await homeOf(userId));
}

/** A session, and a browser that the account's limits will know. */
async function enter(userId: string, email: string, method: "password" | "link"): Promise<void> {
  await startSession(userId);
  await rememberBrowser(email);
  await rememberMethod(method);
}

export async function replacePassword(scope: UserScope, input: { current: string; password: string }): Promise<null> {
  await changePassword(scope, input);
  await startSession(scope.user.userId);
  return null;
}

export async function endOtherSessions(scope: UserScope): Promise<null> {
  await revokeSessions(scope, "others");
  return null;
}

export async function openOwnOrg(scope: UserScope, input: { name: string }): Promise<Next> {
  const { slug } = await createOwnOrg(scope, input);
  return { to: `/${slug}` };
}

export async function joinOrg(scope: UserScope, { token }: { token: string }): Promise<Next> {
  const { email, isVerified, userId } = scope.user;
  if (!isVerified) throw new AppError("forbidden", "Verify your e-mail address first.");
  const { slug } = await acceptInvitation({ userId, email, request: scope.request }, token);
  return { to: `/${slug}` };
}

export function invite(scope: Scope, input: InviteInput): Promise<{ invited: number }> {
  return inviteMembers(scope, input, (token) => linkTo(`/invite/${token}`));
}

export async function setUp(scope: PublicScope, input: SetupInput): Promise<never> {
  const { userId, apiKey } = await setUpHub(scope, input);
  await keepFirstKey(apiKey);
  await enter(userId, input.owner.email, "password");
  redirect("/setup/done");
}

export async function finishSetUp(scope: UserScope, input: Omit<SetupInput, "token" | "owner">): Promise<never> {
  const { apiKey } = await finishSetup(scope, input);
  await keepFirstKey(apiKey);
  redirect("/setup/done");
}

/** Absolute, for mails. The Host header is never believed here: it could lead a reset link to somebody else. */
export function linkTo(path: string): string {
  const { publicUrl, port } = env();
  return (publicUrl?.replace(/\/+$/, "") ?? `http://localhost:${port}`) + path;
}
