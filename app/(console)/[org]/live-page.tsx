import { RefreshOnChange } from "@/components/shell/refresh-on-change";
import { readVersions, viewingId } from "@/lib/auth/queries";
import type { OrgScope } from "@/lib/auth/require-org";

/** Keeps the page it stands on up to date while somebody looks at it. */
export async function LivePage({ scope }: { scope: OrgScope }) {
  const viewing = { sessionId: scope.user.sessionId, orgId: scope.orgId };
  const version = (await readVersions([viewing])).get(viewingId(viewing)) ?? "0";
  return <RefreshOnChange orgSlug={scope.org.slug} since={version} />;
}
