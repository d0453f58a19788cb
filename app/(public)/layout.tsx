import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { PublicShell } from "@/components/shell/public-shell";
import { findSession } from "@/lib/auth/session";
import { arePagesPublic } from "@/lib/settings/queries";

/** Open where customers come to look; where a hub is its own organisation's, only settings open it to strangers. */
export default async function PublicLayout({ children }: { children: ReactNode }) {
  // asked first, as it answers while the database is away
  if (!(await arePagesPublic()) && !(await findSession())) redirect("/sign-in");
  // with the database away everybody is a stranger, and this page is still there
  const session = await findSession().catch(() => null);
  return <PublicShell wayIn={session ? "toConsole" : "signIn"}>{children}</PublicShell>;
}
