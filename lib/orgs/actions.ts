"use server";

import { action } from "@/lib/auth/action";
import { invite } from "@/lib/auth/flows";
import { changeRole, removeMember, revokeInvitation, setMemberCap, setSpendCap, updateOrg } from "@/lib/orgs/mutations";
import {
  capInput,
  invitationInput,
  inviteInput,
  memberInput,
  orgSettingsInput,
  roleInput,
  spendCapInput,
} from "@/lib/orgs/schema";

const TEAM = "/[org]/team";

export const inviteAction = action(inviteInput, invite, { revalidate: TEAM });
export const revokeInvitationAction = action(invitationInput, revokeInvitation, { revalidate: TEAM });
export const changeRoleAction = action(roleInput, changeRole, { revalidate: TEAM });
export const removeMemberAction = action(memberInput, removeMember, { revalidate: TEAM });
export const setMemberCapAction = action(capInput, setMemberCap, { revalidate: TEAM });
export const setSpendCapAction = action(spendCapInput, setSpendCap, { revalidate: "/[org]/settings" });
export const updateOrgAction = action(orgSettingsInput, updateOrg, { revalidate: "/[org]/settings" });
