import { type CookieJar, signInPerson } from "@/e2e/support/session";
import type { HubUnderTest } from "@/e2e/support/setup";
import type { StaffRole } from "@/lib/orgs/permissions";

/** A person of the operator whose session the browser holds; `role: null` is a customer without any organisation. */
export function signInStaff(
  context: CookieJar,
  hub: Pick<HubUnderTest, "url" | "dataDir">,
  role: StaffRole | null = "admin",
): Promise<{ userId: string }> {
  return signInPerson(context, hub, {
    name: "Operator",
    prepare: async (insert, userId) => {
      if (role) await insert("INSERT INTO staff (user_id, role) VALUES ($1, $2)", userId, role);
    },
  });
}
