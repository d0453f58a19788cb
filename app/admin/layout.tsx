import { NextIntlClientProvider } from "next-intl";
import { getMessages } from "next-intl/server";
import { type ReactNode, Suspense } from "react";
import { BooksBadge } from "@/components/admin/books-badge";
import { SessionDialog } from "@/components/auth/session-dialog";
import { AdminShell } from "@/components/shell/admin-shell";
import { signOutAction } from "@/lib/auth/actions";
import { listMemberships } from "@/lib/auth/queries";
import { requireStaff, type StaffPageScope } from "@/lib/auth/require-staff";
import { readBooks } from "@/lib/billing/admin-books";
import { getSettings } from "@/lib/settings/queries";

export default async function AdminLayout({ children }: { children: ReactNode }) {
  const scope = await requireStaff();
  const [
    { activity, admin, app, auth, credential, error, models, receipt, routing, shell, ui },
    { mode },
    memberships,
  ] = await Promise.all([getMessages(), getSettings(), listMemberships(scope.user.userId)]);
  const own = memberships[0]?.org.slug;
  return (
    <NextIntlClientProvider
      messages={{
        // of the console's texts what the panel shows too
        activity: { outcomes: activity.outcomes, notCharged: activity.notCharged },
        models: { allowed: models.allowed, unitPrices: models.unitPrices },
        receipt: { classes: receipt.classes },
        ...{ admin, app, auth, credential, error, routing, shell, ui },
      }}
    >
      <AdminShell
        user={{ name: scope.user.name ?? "", email: scope.user.email }}
        permissions={[...scope.permissions]}
        mode={mode}
        books={
          scope.permissions.has("ledger.read") && (
            <Suspense>
              <Books scope={scope} />
            </Suspense>
          )
        }
        consoleHref={own ? `/${own}` : null}
        onSignOut={signOutAction.bind(null, {})}
      >
        {children}
      </AdminShell>
      <SessionDialog email={scope.user.email} />
    </NextIntlClientProvider>
  );
}

async function Books({ scope }: { scope: StaffPageScope }) {
  // a check that fails is shown as unknown: the pages below do not depend on it
  const books = await readBooks(scope).catch(() => null);
  return <BooksBadge books={books} now={Date.now()} />;
}
