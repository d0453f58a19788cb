import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { Block } from "@/components/shell/block";
import { PageHead } from "@/components/shell/page-head";
import { InviteForm } from "@/components/team/invite-form";
import type { MemberSpend } from "@/components/team/member-cap";
import { InvitationList, MemberList } from "@/components/team/member-list";
import { requireOrg } from "@/lib/auth/require-org";
import type { OrgRole } from "@/lib/orgs/permissions";
import { listInvitations, listMembers, memberCaps } from "@/lib/orgs/queries";
import type { SpendCaps } from "@/lib/orgs/schema";
import type { Scope } from "@/lib/orgs/scope";
import { monthStart } from "@/lib/time-range";
import { sumOrgUsage } from "@/lib/usage/queries";

type Props = { params: Promise<{ org: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("team"))("title") };
}

const NO_CAPS: SpendCaps = { capUsd: null, dailyCapUsd: null };
const BELOW_OWNER: readonly OrgRole[] = ["admin", "developer", "billing", "viewer"];

export default async function TeamPage({ params }: Props) {
  const scope = await requireOrg((await params).org);
  const { org, role, permissions, user } = scope;
  const t = await getTranslations("team");
  const mayManage = permissions.has("members.manage");
  const [members, invitations, spend] = await Promise.all([
    listMembers(scope),
    mayManage ? listInvitations(scope) : [],
    permissions.has("usage.sums") ? readSpend(scope) : null,
  ]);
  const roles: readonly OrgRole[] = role === "owner" ? ["owner", ...BELOW_OWNER] : BELOW_OWNER;
  return (
    <>
      <PageHead title={t("title")} />
      <Block id="members" title={t("members")} className="mt-0">
        <MemberList
          slug={org.slug}
          orgName={org.name}
          members={members}
          ownUserId={user.userId}
          roles={permissions.has("org.roles") ? roles : []}
          mayRemove={mayManage}
          spend={spend}
        />
      </Block>
      {mayManage && (
        <>
          <Block id="invite" title={t("invite")}>
            <InviteForm slug={org.slug} roles={roles} />
          </Block>
          <Block id="invitations" title={t("pending")}>
            <InvitationList slug={org.slug} invitations={invitations} />
          </Block>
        </>
      )}
    </>
  );
}

/** Of this month in UTC, where caps begin again. */
async function readSpend(scope: Scope): Promise<Record<string, MemberSpend>> {
  const from = monthStart(new Date(), "UTC");
  const [sums, caps] = await Promise.all([
    sumOrgUsage(scope, { from, groupBy: ["member"], timeZone: "UTC", limit: 10_000 }),
    memberCaps(scope),
  ]);
  const spent = new Map(sums.map(({ key, priceUsd }) => [String(key), priceUsd]));
  return Object.fromEntries(
    [...new Set([...spent.keys(), ...caps.keys()])].map((id) => [
      id,
      { spentUsd: spent.get(id) ?? "0", ...(caps.get(id) ?? NO_CAPS) },
    ]),
  );
}
