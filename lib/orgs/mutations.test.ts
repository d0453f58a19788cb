import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { assertMailsWhole } from "@/e2e/support/mails";
import { db } from "@/lib/db";
import { newId } from "@/lib/ids";
import {
  acceptInvitation,
  changeRole,
  inviteMembers,
  openOrg,
  removeMember,
  revokeInvitation,
  setMemberCap,
  setSpendCap,
  updateOrg,
} from "@/lib/orgs/mutations";
import { ORG_ROLES, type OrgRole } from "@/lib/orgs/permissions";
import { findInvitation, getSpendCap, listInvitations, listMembers, memberCaps } from "@/lib/orgs/queries";
import { mintScope, type Scope } from "@/lib/orgs/scope";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  vi.stubEnv("HUB_ROLE", "web");
  vi.stubEnv("HUB_DATABASE_URL_WEB", database.roleUrl("web"));
});
afterAll(async () => {
  await assertHealthy(database.pool);
  await db().$disconnect();
  await database.drop();
  vi.unstubAllEnvs();
});

type Person = { userId: string; memberId: string; email: string; scope: Scope };

async function join(orgId: string, role: OrgRole): Promise<Person> {
  const userId = newId("usr");
  const memberId = newId("mem");
  const email = `${userId}@example.com`;
  await db().user.create({ data: { id: userId, email, emailVerified: new Date() } });
  await db().member.create({ data: { id: memberId, orgId, userId, role } });
  const permissions = new Set(ORG_ROLES[role]);
  return { userId, memberId, email, scope: mintScope({ orgId, actor: { type: "user", id: userId }, permissions }) };
}

async function org(): Promise<{ id: string; owner: Person }> {
  const { id } = await db().$transaction((tx) => openOrg(tx, { name: "Acme" }));
  return { id, owner: await join(id, "owner") };
}

async function invite(scope: Scope, email: string, role: OrgRole = "developer"): Promise<string> {
  let token = "";
  await inviteMembers(scope, { emails: [email], role, locale: "en" }, (made) => {
    token = made;
    return `http://hub.test/invite/${made}`;
  });
  return token;
}

describe("invitations", () => {
  test("bind to the address and work once", async () => {
    const { owner } = await org();
    const guest = (await org()).owner;
    const token = await invite(owner.scope, guest.email, "billing");
    expect(await findInvitation(token)).toMatchObject({ orgName: "Acme", role: "billing", email: guest.email });
    const other = { userId: owner.userId, email: owner.email, request: undefined };
    await expect(acceptInvitation(other, token)).rejects.toMatchObject({ code: "forbidden" });
    const person = { userId: guest.userId, email: guest.email, request: undefined };
    await acceptInvitation(person, token);
    await expect(acceptInvitation(person, token)).rejects.toMatchObject({ code: "not_found" });
    expect((await listMembers(owner.scope)).map(({ email, role }) => ({ email, role }))).toContainEqual({
      email: guest.email,
      role: "billing",
    });
  });

  test("of two clicks at once one joins; an expired one lets nobody in", async () => {
    const { id, owner } = await org();
    const guest = (await org()).owner;
    const person = { userId: guest.userId, email: guest.email, request: undefined };
    const token = await invite(owner.scope, guest.email);
    const results = await Promise.allSettled([acceptInvitation(person, token), acceptInvitation(person, token)]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "not_found" } });
    expect(await db().member.count({ where: { orgId: id, userId: guest.userId } })).toBe(1);

    const late = await join((await org()).id, "viewer");
    const expired = await invite(owner.scope, late.email);
    await db().invitation.updateMany({ where: { orgId: id, email: late.email }, data: { expiresAt: new Date() } });
    expect(await findInvitation(expired)).toBeNull();
    const them = { userId: late.userId, email: late.email, request: undefined };
    await expect(acceptInvitation(them, expired)).rejects.toMatchObject({ code: "not_found" });
  });

  test("a newer one replaces the earlier, and one that was withdrawn is gone", async () => {
    const { owner } = await org();
    const first = await invite(owner.scope, "new@example.com");
    const second = await invite(owner.scope, "new@example.com");
    expect(await findInvitation(first)).toBeNull();
    const [row] = await listInvitations(owner.scope);
    await revokeInvitation(owner.scope, { invitationId: row?.id ?? "" });
    expect(await findInvitation(second)).toBeNull();
  });

  test("nobody invites above their own rank, or without the permission", async () => {
    const { id } = await org();
    const [admin, developer] = [await join(id, "admin"), await join(id, "developer")];
    await expect(invite(admin.scope, "x@example.com", "owner")).rejects.toMatchObject({ code: "forbidden" });
    await expect(invite(developer.scope, "x@example.com", "viewer")).rejects.toMatchObject({ code: "forbidden" });
  });
});

describe("members", () => {
  test("the last owner stays and stays owner, also when two demote each other at once", async () => {
    const { id, owner } = await org();
    const { memberId } = owner;
    await expect(removeMember(owner.scope, { memberId })).rejects.toMatchObject({ code: "conflict" });
    await expect(changeRole(owner.scope, { memberId, role: "viewer" })).rejects.toMatchObject({ code: "conflict" });
    const second = await join(id, "owner");
    const results = await Promise.allSettled([
      changeRole(owner.scope, { memberId: second.memberId, role: "admin" }),
      changeRole(second.scope, { memberId, role: "admin" }),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await db().member.count({ where: { orgId: id, role: "owner" } })).toBe(1);
  });

  test("an admin removes no owner and changes no role; everybody may leave", async () => {
    const { id, owner } = await org();
    const [admin, viewer] = [await join(id, "admin"), await join(id, "viewer")];
    const target = { memberId: owner.memberId };
    await expect(removeMember(admin.scope, target)).rejects.toMatchObject({ code: "forbidden" });
    await expect(changeRole(admin.scope, { ...target, role: "viewer" })).rejects.toMatchObject({ code: "forbidden" });
    await expect(removeMember(viewer.scope, { memberId: admin.memberId })).rejects.toMatchObject({ code: "forbidden" });
    await removeMember(viewer.scope, { memberId: viewer.memberId });
    expect(await db().member.count({ where: { id: viewer.memberId } })).toBe(0);
  });
});

test("no id of another organisation can be read or changed", async () => {
  const [a, b] = [await org(), await org()];
  const guest = await join(b.id, "developer");
  await invite(b.owner.scope, "theirs@example.com");
  const [theirs] = await listInvitations(b.owner.scope);
  const foreign = { memberId: guest.memberId };
  await expect(changeRole(a.owner.scope, { ...foreign, role: "viewer" })).rejects.toMatchObject({ code: "not_found" });
  await expect(removeMember(a.owner.scope, foreign)).rejects.toMatchObject({ code: "not_found" });
  await expect(revokeInvitation(a.owner.scope, { invitationId: theirs?.id ?? "" })).rejects.toMatchObject({
    code: "not_found",
  });
  await updateOrg(a.owner.scope, { name: "Renamed", timeZone: "Asia/Kolkata" });
  expect(await db().org.findUnique({ where: { id: a.id } })).toMatchObject({
    name: "Renamed",
    timeZone: "Asia/Kolkata",
  });
  expect((await listMembers(a.owner.scope)).map(({ userId }) => userId)).toEqual([a.owner.userId]);
  expect(await listInvitations(a.owner.scope)).toEqual([]);
  expect(await db().org.findUnique({ where: { id: b.id } })).toMatchObject({ name: "Acme" });
  expect(await db().member.findUnique({ where: { id: guest.memberId } })).toMatchObject({ role: "developer" });
});

test("every invitation mail is whole in every language", async () => {
  const { owner } = await org();
  await invite(owner.scope, "whole@example.com");
  expect(await assertMailsWhole(database.pool, "http://hub.test")).toEqual(["invitation"]);
});

test("a name that is a path of the product becomes another slug", async () => {
  for (const name of ["Admin", "Sign-up", "API"]) {
    const { slug } = await db().$transaction((tx) => openOrg(tx, { name }));
    expect(slug).toMatch(new RegExp(`^${name.toLowerCase()}-.`));
  }
});

describe("a member's caps", () => {
  test("binds their own tokens, is shown, and goes again", async () => {
    const { owner } = await org();
    const member = await join(owner.scope.orgId, "developer");
    const { memberId } = member;
    await setMemberCap(owner.scope, { memberId, capUsd: 2_500_000_000n, dailyCapUsd: 1_000_000_000n });
    expect(await memberCaps(owner.scope)).toEqual(new Map([[memberId, { capUsd: "2.5", dailyCapUsd: "1" }]]));
    const { rows } = await database.pool.query(
      "SELECT scope, period, budget FROM limit_state WHERE scope_id = $1 ORDER BY period",
      [memberId],
    );
    expect(rows).toEqual([
      { scope: "member", period: "day", budget: "1000000000" },
      { scope: "member", period: "month", budget: "2500000000" },
    ]);
    await setMemberCap(owner.scope, { memberId, capUsd: null, dailyCapUsd: null });
    expect(await memberCaps(owner.scope)).toEqual(new Map());
  });

  test("is set by nobody below, and of nobody elsewhere", async () => {
    const { owner } = await org();
    const admin = await join(owner.scope.orgId, "admin");
    const developer = await join(owner.scope.orgId, "developer");
    const cap = { capUsd: 1n, dailyCapUsd: null };
    await expect(setMemberCap(admin.scope, { memberId: owner.memberId, ...cap })).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(setMemberCap(developer.scope, { memberId: developer.memberId, ...cap })).rejects.toMatchObject({
      code: "forbidden",
    });
    const elsewhere = (await org()).owner;
    await expect(setMemberCap(elsewhere.scope, { memberId: developer.memberId, ...cap })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

test("an organisation limits itself beside what the operator allows it, and its developers do not", async () => {
  const { owner } = await org();
  expect(await getSpendCap(owner.scope)).toEqual({ capUsd: null, dailyCapUsd: null });
  await database.pool.query("SELECT set_limits($1, 'org', $1, '{\"month\": 9000000000}')", [owner.scope.orgId]);
  const caps = { capUsd: 5_000_000_000n, dailyCapUsd: null };
  await setSpendCap(owner.scope, caps);
  expect(await getSpendCap(owner.scope)).toEqual({ capUsd: "5", dailyCapUsd: null });
  const { rows } = await database.pool.query("SELECT scope, budget FROM limit_state WHERE org_id = $1 ORDER BY scope", [
    owner.scope.orgId,
  ]);
  expect(rows).toEqual([
    { scope: "org", budget: "9000000000" },
    { scope: "self", budget: "5000000000" },
  ]);
  const developer = await join(owner.scope.orgId, "developer");
  await expect(setSpendCap(developer.scope, caps)).rejects.toMatchObject({ code: "forbidden" });
  await expect(getSpendCap(developer.scope)).rejects.toMatchObject({ code: "forbidden" });
});
