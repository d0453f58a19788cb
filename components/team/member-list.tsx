"use client";

import { useFormatter, useTranslations } from "next-intl";
import { useState } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { CapDialog, type MemberSpend, MemberSpendCell } from "@/components/team/member-cap";
import { RoleSelect } from "@/components/team/role-select";
import { Button } from "@/components/ui/button";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Dialog, DialogActions, DialogContent } from "@/components/ui/dialog";
import { FormError } from "@/components/ui/form";
import type { ActionResult } from "@/lib/auth/action";
import { changeRoleAction, removeMemberAction, revokeInvitationAction } from "@/lib/orgs/actions";
import type { OrgRole } from "@/lib/orgs/permissions";
import type { InvitationRow, MemberRow } from "@/lib/orgs/queries";

type MemberListProps = {
  slug: string;
  orgName: string;
  members: readonly MemberRow[];
  ownUserId: string;
  /** Roles this person may give; empty where they may give none. */
  roles: readonly OrgRole[];
  mayRemove: boolean;
  /** By member id; null for whom sums are closed. */
  spend: Readonly<Record<string, MemberSpend>> | null;
};

const NOTHING: MemberSpend = { spentUsd: "0", capUsd: null, dailyCapUsd: null };

export function MemberList({ slug, orgName, members, ownUserId, roles, mayRemove, spend }: MemberListProps) {
  const t = useTranslations("team");
  const tRoles = useTranslations("auth.roles");
  const format = useFormatter();
  const { problem, isBusy, run } = useRun();
  const [leaving, setLeaving] = useState<MemberRow>();
  const isSelf = leaving?.userId === ownUserId;
  const nameOf = ({ name, email }: MemberRow) => name ?? email;
  const remove = async () => {
    if (!leaving) return;
    const result = await run(() => removeMemberAction(slug, { memberId: leaving.id }));
    setLeaving(undefined);
    if (result?.ok && isSelf) window.location.assign("/sign-in");
  };
  const columns: Column<MemberRow>[] = [
    {
      id: "person",
      header: t("person"),
      phone: "lead",
      cell: (member) => (
        <>
          {nameOf(member)} {member.userId === ownUserId && <span className="text-ink-2">({t("you")})</span>}
          <span className="block text-sm font-normal text-ink-2">{member.email}</span>
        </>
      ),
    },
    {
      id: "role",
      header: t("role"),
      phone: "line",
      cell: (member) =>
        roles.length > 0 ? (
          <RoleSelect
            label={t("roleOf", { name: nameOf(member) })}
            value={member.role}
            roles={roles}
            onChange={(role) => void run(() => changeRoleAction(slug, { memberId: member.id, role }))}
          />
        ) : (
          tRoles(member.role)
        ),
    },
    ...(spend
      ? [
          {
            id: "month",
            header: t("month"),
            numeric: true,
            phone: "line" as const,
            cell: ({ id }: MemberRow) => (
              <>
                <span className="sm:hidden">{t("month")} </span>
                <MemberSpendCell {...(spend[id] ?? NOTHING)} />
              </>
            ),
          },
        ]
      : []),
    {
      id: "lastSeen",
      header: t("lastSeen"),
      phone: "none",
      cell: ({ lastSeenAt }) =>
        lastSeenAt ? format.dateTime(new Date(lastSeenAt), { dateStyle: "medium" }) : t("never"),
    },
    {
      id: "actions",
      header: <span className="sr-only">{t("actions")}</span>,
      numeric: true,
      phone: "side",
      cell: (member) => (
        <span className="-mr-2.5 inline-flex max-sm:flex-col max-sm:items-end">
          {mayRemove && spend && (
            <CapDialog slug={slug} memberId={member.id} name={nameOf(member)} caps={spend[member.id] ?? NOTHING} />
          )}
          {(mayRemove || member.userId === ownUserId) && (
            <Button variant="quiet" size="small" onClick={() => setLeaving(member)}>
              {t(member.userId === ownUserId ? "leave" : "remove")}
            </Button>
          )}
        </span>
      ),
    },
  ];
  return (
    <>
      <FormError message={problem} className="mb-3" />
      <DataTable caption={t("members")} columns={columns} rows={members} rowId={({ id }) => id} />
      <Dialog open={leaving !== undefined} onOpenChange={(open) => !open && setLeaving(undefined)}>
        <DialogContent
          title={
            isSelf ? t("leaveTitle", { org: orgName }) : t("removeTitle", { name: leaving ? nameOf(leaving) : "" })
          }
          description={t("removeText")}
        >
          <DialogActions>
            <Button variant="danger" disabled={isBusy} onClick={remove}>
              {t(isSelf ? "leave" : "remove")}
            </Button>
          </DialogActions>
        </DialogContent>
      </Dialog>
    </>
  );
}

export function InvitationList({ slug, invitations }: { slug: string; invitations: readonly InvitationRow[] }) {
  const t = useTranslations("team");
  const tRoles = useTranslations("auth.roles");
  const format = useFormatter();
  const { problem, isBusy, run } = useRun();
  if (invitations.length === 0) return <p className="text-ink-2">{t("noPending")}</p>;
  return (
    <>
      <FormError message={problem} className="mb-3" />
      <ul className="flex flex-col">
        {invitations.map(({ id, email, role, expiresAt, isExpired }) => (
          <li key={id} className="flex flex-wrap items-center justify-between gap-x-4 border-b py-2 last:border-b-0">
            <span className="min-w-0">
              <span className="block truncate font-medium">{email}</span>
              <span className="text-sm text-ink-2">
                {tRoles(role)} ·{" "}
                {isExpired
                  ? t("expired")
                  : `${t("expires")} ${format.dateTime(new Date(expiresAt), { dateStyle: "medium" })}`}
              </span>
            </span>
            <Button
              variant="quiet"
              size="small"
              className="-mr-2.5"
              disabled={isBusy}
              aria-label={`${t("withdraw")}: ${email}`}
              onClick={() => void run(() => revokeInvitationAction(slug, { invitationId: id }))}
            >
              {t("withdraw")}
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Runs one action at a time and keeps what it refused, in words. */
function useRun() {
  const t = useTranslations("team");
  const explain = useExplain();
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const run = async <Data,>(act: () => Promise<ActionResult<Data>>) => {
    setProblem(undefined);
    setBusy(true);
    const result = await settled(act());
    setBusy(false);
    if (result && !result.ok)
      setProblem(result.error.code === "conflict" ? t("lastOwner") : explain.error(result.error));
    return result;
  };
  return { problem, isBusy, run };
}
