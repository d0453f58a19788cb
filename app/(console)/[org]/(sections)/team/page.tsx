import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { Block } from "@/components/shell/block";
import { PageHead } from "@/components/shell/page-head";
import { InviteForm } from "@/components/team/invite-form";
import { InvitationList, MemberList } from "@/components/team/member-list";
import { requireOrg } from "@/lib/auth/require-org";
import type { OrgRole } from "@/lib/orgs/permissions";
import { listInvitations, listMembers } from "@/lib/orgs/queries";

type Props = { params: Promise<{ org: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("team"))("title") };
}

const BELOW_OWNER: readonly OrgRole[] = ["admin", "developer", "billing", "viewer"];

export default async function TeamPage({ params }: Props) {
  const scope = await requireOrg((await params).org);
  const { org, role, permissions, user } = scope;
  const t = await getTranslations("team");
  const mayManage = permissions.has("members.manage");
  const [members, invitations] = await Promise.all([listMembers(scope), mayManage ? listInvitations(scope) : []]);
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
