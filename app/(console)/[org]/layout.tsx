import { getLocale } from "next-intl/server";
import type { ReactNode } from "react";
import { readShellBalance } from "@/app/(console)/[org]/shell-balance";
import { SessionDialog } from "@/components/auth/session-dialog";
import { ConsoleProviders } from "@/components/shell/console-providers";
import { ConsoleShell } from "@/components/shell/console-shell";
import { ZeroBalance } from "@/components/shell/zero-balance";
import { signOutAction } from "@/lib/auth/actions";
import { listMemberships } from "@/lib/auth/queries";
import { requireOrg } from "@/lib/auth/require-org";
import { getSettings } from "@/lib/settings/queries";

type ConsoleLayoutProps = { params: Promise<{ org: string }>; children: ReactNode };

export default async function ConsoleLayout({ params, children }: ConsoleLayoutProps) {
  const scope = await requireOrg((await params).org);
  const { org, user } = scope;
  const [{ mode }, memberships, locale] = await Promise.all([getSettings(), listMemberships(user.userId), getLocale()]);
  const balance = await readShellBalance(scope, mode, locale);
  return (
    <ConsoleProviders timeZone={org.timeZone}>
      <ConsoleShell
        org={{ slug: org.slug, name: org.name }}
        orgs={memberships.map(({ org: { slug, name } }) => ({ slug, name }))}
        user={{ name: user.name ?? "", email: user.email }}
        permissions={[...scope.permissions]}
        mode={mode}
        balance={balance}
        staff={user.staffRole !== null}
        onSignOut={signOutAction}
      >
        {balance?.kind === "balance" && balance.state === "empty" && !balance.isFrozen && (
          <ZeroBalance billingHref={scope.permissions.has("billing.manage") ? `/${org.slug}/billing` : null} />
        )}
        {children}
      </ConsoleShell>
      <SessionDialog email={user.email} />
    </ConsoleProviders>
  );
}
