import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { RequestTable } from "@/components/activity/request-table";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import type { OrgScope } from "@/lib/auth/require-org";
import { listOrgRequests } from "@/lib/usage/queries";

const SHOWN = 20;

export async function LastRequests({ scope, keyId, keyName }: { scope: OrgScope; keyId: string; keyName: string }) {
  const t = await getTranslations("keys");
  const { data } = await listOrgRequests(scope, { keyId, limit: SHOWN });
  const { slug } = scope.org;
  return (
    <Block
      id="requests"
      title={t("lastRequests")}
      action={
        <Link
          href={`/${slug}/activity?view=requests&key=${keyId}`}
          className="text-accent underline decoration-accent/40 underline-offset-4 hover:decoration-current"
        >
          {t("allRequests")}
        </Link>
      }
    >
      {data.length === 0 ? (
        <EmptyState text={t("noRequests")} />
      ) : (
        <RequestTable orgSlug={slug} requests={data.map((row) => ({ ...row, keyName }))} />
      )}
    </Block>
  );
}
