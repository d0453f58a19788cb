import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { RequestTable } from "@/components/activity/request-table";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import type { OrgScope } from "@/lib/auth/require-org";
import { keyNames } from "@/lib/keys/queries";
import { listOrgRequests } from "@/lib/usage/queries";

const SHOWN = 10;

export async function LastRequests({ scope }: { scope: OrgScope }) {
  const t = await getTranslations("overview");
  const activity = await getTranslations("activity");
  const [{ data }, keys] = await Promise.all([listOrgRequests(scope, { limit: SHOWN }), keyNames(scope)]);
  const labels = new Map(keys.map(({ id, name, kind }) => [id, kind === "app" ? name : activity("playground")]));
  return (
    <Block
      id="requests"
      title={t("last")}
      action={
        <Link
          href={`/${scope.org.slug}/activity?view=requests`}
          className="text-accent underline decoration-accent/40 underline-offset-4 hover:decoration-current"
        >
          {t("all")}
        </Link>
      }
    >
      {data.length === 0 ? (
        <EmptyState text={activity("empty")} />
      ) : (
        <RequestTable
          orgSlug={scope.org.slug}
          requests={data.map((row) => ({ ...row, keyName: labels.get(row.keyId) ?? row.keyId }))}
        />
      )}
    </Block>
  );
}
