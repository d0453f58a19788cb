import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { generateKey, hashKey, keyDisplay } from "@/lib/keys/secret";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import { type MemberToken, PLAYGROUND_APP } from "@/lib/playground/schema";

const LIFETIME_MS = 15 * 60_000;

/** A signed-in member in one of their sessions. */
export type SessionScope = Scope & { readonly user: { readonly sessionId: string } };

/** A key of 15 minutes for the signed-in member's own browser, revoked together with the session. Only its hash is
 *  stored; limits and charges are those of the member and the organisation. Not audited: it grants nothing that the
 *  session does not. Throws forbidden, or unauthenticated where the session ends at this very moment. */
export async function createMemberToken(scope: SessionScope): Promise<MemberToken> {
  requirePermission(scope, "playground.use");
  const { orgId, actor } = scope;
  const { sessionId } = scope.user;
  const token = generateKey("pt");
  await db().$transaction(async (tx) => {
    const member = await tx.member.findFirst({ where: { orgId, userId: actor.id } });
    if (!member) throw new AppError("forbidden", "The playground needs a member of this organisation.");
    // locked, so that ending the session finds the token or the token finds no session
    const [session] = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM auth_session WHERE id = ${sessionId} AND user_id = ${actor.id} FOR KEY SHARE`;
    if (!session) throw new AppError("unauthenticated", "Your session has ended. Sign in again.");
    const app = await tx.app.upsert({
      where: { orgId_name: { orgId, name: PLAYGROUND_APP } },
      create: { id: newId("app"), orgId, name: PLAYGROUND_APP },
      update: {},
    });
    const [now] = await tx.$queryRaw<[{ now: Date }]>`SELECT hub_now() AS now`;
    await tx.apiKey.create({
      data: {
        id: newId("key"),
        orgId,
        appId: app.id,
        memberId: member.id,
        sessionId,
        kind: "member_token",
        name: PLAYGROUND_APP,
        ...keyDisplay(token),
        hash: hashKey(env().keyPepper, token),
        expiresAt: new Date(now.now.getTime() + LIFETIME_MS),
        createdBy: actor.id,
      },
    });
  });
  return { token, expiresInMs: LIFETIME_MS };
}
