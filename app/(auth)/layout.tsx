import { redirect } from "next/navigation";
import type { ReactNode } from "react";
import { AuthProviders } from "@/components/auth/auth-providers";
import { PublicShell } from "@/components/shell/public-shell";
import { hasPlatformOwner } from "@/lib/auth/queries";

export default async function AuthLayout({ children }: { children: ReactNode }) {
  if (!(await hasPlatformOwner())) redirect("/setup");
  return (
    <AuthProviders>
      <PublicShell wayIn={null}>{children}</PublicShell>
    </AuthProviders>
  );
}
