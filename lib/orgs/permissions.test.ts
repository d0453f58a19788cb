import { expect, test } from "vitest";
import {
  MANAGEMENT_KEY_PERMISSIONS,
  ORG_ROLES,
  type OrgRole,
  PERMISSIONS,
  PLATFORM_PERMISSIONS,
  STAFF_ROLES,
  type StaffRole,
} from "@/lib/orgs/permissions";

/** Each role's answer to each permission, in the order of the role table: ✔ or –. */
const ORG_TABLE: Record<(typeof PERMISSIONS)[number], string> = {
  //                owner admin developer billing viewer
  "org.roles": "✔––––",
  "org.delete": "✔––––",
  "members.manage": "✔✔–––",
  "apps.manage": "✔✔–––",
  "apps.own": "✔✔✔––",
  "playground.use": "✔✔✔––",
  "usage.read": "✔✔–––",
  "usage.own": "✔✔✔––",
  "usage.sums": "✔✔–✔✔",
  "billing.manage": "✔✔–✔–",
  "audit.read": "✔✔–––",
  // of keys, never of people
  inference: "–––––",
};

const PLATFORM_TABLE: Record<(typeof PLATFORM_PERMISSIONS)[number], string> = {
  //                 owner admin support finance
  "staff.manage": "✔–––",
  "providers.manage": "✔✔––",
  "providers.read": "✔✔✔–",
  "models.manage": "✔✔––",
  "models.read": "✔✔✔✔",
  "settings.manage": "✔✔––",
  "settings.read": "✔✔✔–",
  "orgs.manage": "✔✔––",
  "orgs.read": "✔✔✔✔",
  "credits.grant": "✔✔✔–",
  "refunds.manage": "✔✔––",
  "usage.read": "✔✔✔✔",
  "ledger.read": "✔✔–✔",
  "audit.read": "✔✔–✔",
};

const answers = <Name extends string>(roles: readonly (readonly Name[])[], name: Name) =>
  roles.map((role) => (role.includes(name) ? "✔" : "–")).join("");

test.each(PERMISSIONS)("members: %s", (name) => {
  const roles: OrgRole[] = ["owner", "admin", "developer", "billing", "viewer"];
  expect(
    answers(
      roles.map((role) => ORG_ROLES[role]),
      name,
    ),
  ).toBe(ORG_TABLE[name]);
});

test.each(PLATFORM_PERMISSIONS)("staff: %s", (name) => {
  const roles: StaffRole[] = ["owner", "admin", "support", "finance"];
  expect(
    answers(
      roles.map((role) => STAFF_ROLES[role]),
      name,
    ),
  ).toBe(PLATFORM_TABLE[name]);
});

test("a management key never manages staff", () => {
  expect(MANAGEMENT_KEY_PERMISSIONS).not.toContain("staff.manage");
});
