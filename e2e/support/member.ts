import { type CookieJar, signInPerson } from "@/e2e/support/session";
import type { HubUnderTest } from "@/e2e/support/setup";
import { newId } from "@/lib/ids";
import type { OrgRole } from "@/lib/orgs/permissions";

export type SignedInMember = { orgId: string; slug: string; memberId: string };

/** A new organisation with a member whose session the browser holds: for journeys that begin behind the door. */
export async function signInMember(
  context: CookieJar,
  hub: Pick<HubUnderTest, "url" | "dataDir">,
  { role = "owner", creditUsd = 5 }: { role?: OrgRole; creditUsd?: number } = {},
): Promise<SignedInMember> {
  const [orgId, memberId] = [newId("org"), newId("mem")];
  const slug = `acme-${orgId.slice(-8)}`;
  await signInPerson(context, hub, {
    name: "Ada",
    prepare: async (insert, userId) => {
      await insert("INSERT INTO org (id, slug, name) VALUES ($1, $2, 'Acme')", orgId, slug);
      await insert("SELECT create_wallet($1, 0)", orgId);
      if (creditUsd > 0) {
        const grant = "SELECT grant_credit($1, $2, 'comp', $3, 'test', 'test', NULL, false)";
        await insert(grant, orgId, String(creditUsd * 1_000_000_000), newId("cr"));
      }
      const member = "INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $2, $3, $4)";
      await insert(member, memberId, orgId, userId, role);
    },
  });
  return { orgId, slug, memberId };
}
