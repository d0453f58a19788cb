import type { ReactNode } from "react";
import { AuthProviders } from "@/components/auth/auth-providers";
import { PublicShell } from "@/components/shell/public-shell";

export default function SetupLayout({ children }: { children: ReactNode }) {
  return (
    <AuthProviders>
      <PublicShell wayIn={null}>{children}</PublicShell>
    </AuthProviders>
  );
}
