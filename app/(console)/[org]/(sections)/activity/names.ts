import { getTranslations } from "next-intl/server";
import type { OrgScope } from "@/lib/auth/require-org";
import { appNames, keyNames } from "@/lib/keys/queries";
import { listMembers } from "@/lib/orgs/queries";

export type ActivityNames = {
  apps: ReadonlyMap<string, string>;
  /** App keys only: the ones a filter offers. */
  keys: ReadonlyMap<string, string>;
  members: ReadonlyMap<string, string>;
  /** The name of one value of a dimension; tokens of the playground share one. */
  nameOf(dimension: string, id: string | null): string;
};

/** Names for the ids in sums and lists. */
export async function nameActivity(scope: OrgScope): Promise<ActivityNames> {
  const t = await getTranslations("activity");
  const [keys, apps, people] = await Promise.all([keyNames(scope), appNames(scope), listMembers(scope)]);
  const all = new Map(keys.map(({ id, name, kind }) => [id, kind === "app" ? name : t("playground")]));
  const members = new Map(people.map(({ id, name, email }) => [id, name ?? email]));
  const named: Record<string, ReadonlyMap<string, string>> = { key: all, app: apps, member: members };
  return {
    apps,
    keys: new Map(keys.filter(({ kind }) => kind === "app").map(({ id, name }) => [id, name])),
    members,
    nameOf: (dimension, id) => {
      if (id === null || id === "") return dimension === "member" ? t("noMember") : t("noValue");
      return named[dimension]?.get(id) ?? id;
    },
  };
}
