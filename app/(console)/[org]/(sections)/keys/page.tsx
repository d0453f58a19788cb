import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { readKeyContext, readListedKeys } from "@/app/(console)/[org]/(sections)/keys/key-page-data";
import { CreateKey } from "@/components/keys/create-key";
import { KeyTable } from "@/components/keys/key-table";
import { EmptyState } from "@/components/shell/empty-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { PageHead } from "@/components/shell/page-head";
import { requireOrg } from "@/lib/auth/require-org";
import { listOrgKeys } from "@/lib/keys/queries";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("keys"))("title") };
}

type Props = { params: Promise<{ org: string }>; searchParams: Promise<{ new?: string | string[] }> };

/** `?new` comes from the steps to the first call: the dialog is open, and leads back to them. */
export default async function KeysPage({ params, searchParams }: Props) {
  const scope = await requireOrg((await params).org);
  const t = await getTranslations("keys");
  if (!scope.permissions.has("apps.own")) return <ForbiddenState who={t("noPage")} />;
  const [keys, context] = await Promise.all([listOrgKeys(scope), readKeyContext(scope)]);
  const isStep = (await searchParams).new !== undefined;
  // In one place whether there are keys or not: moved, it would lose the key that it has just shown.
  const create = <CreateKey context={context} isFirst={keys.length === 0} isStep={isStep} />;
  return (
    <>
      <PageHead title={t("title")} text={t("text")} action={create} />
      {keys.length === 0 ? (
        <EmptyState text={t("empty")} />
      ) : (
        <KeyTable context={context} keys={await readListedKeys(scope, keys)} />
      )}
    </>
  );
}
