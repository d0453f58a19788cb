"use client";

import { useTranslations } from "next-intl";
import { type Change, changesOf, isKeyField } from "@/components/keys/changed-fields";
import { useMoment } from "@/components/ui/use-moment";
import type { OrgChange } from "@/lib/audit/queries";

const ACTIONS = ["key.create", "key.update", "key.rotate", "key.revoke", "key.pause"] as const;

/** Who did what to the key, newest first, with what was before and after. */
export function KeyChanges({ changes }: { changes: readonly OrgChange[] }) {
  const t = useTranslations("keys");
  const writeMoment = useMoment();
  return (
    <ol className="border-t">
      {changes.map(({ id, at, action, actor, actorType, before, after }) => {
        const known = ACTIONS.find((one) => one === action);
        return (
          <li key={id} className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1 border-b py-2">
            <div className="min-w-0">
              <p>
                {t("did", {
                  who: actor ?? (actorType === "system" ? t("hub") : t("operator")),
                  what: known ? t(`actionsDone.${nameOf(known)}`) : action,
                })}
              </p>
              <ul className="text-sm text-ink-2">
                {(known === "key.create" ? [] : changesOf(before, after)).map((change) => (
                  <ChangeLine key={change.field} {...change} />
                ))}
              </ul>
            </div>
            <time dateTime={at} className="figures text-sm text-ink-2">
              {writeMoment(at, "minute")}
            </time>
          </li>
        );
      })}
    </ol>
  );
}

function ChangeLine({ field, before, after }: Change) {
  const t = useTranslations("keys");
  const label = isKeyField(field) ? t(`fields.${field}`) : field;
  return (
    <li className="wrap-anywhere">
      {t("changedFrom", { field: label, before: before ?? t("nothing"), after: after ?? t("nothing") })}
    </li>
  );
}

function nameOf(action: (typeof ACTIONS)[number]) {
  return (
    {
      "key.create": "create",
      "key.update": "update",
      "key.rotate": "rotate",
      "key.revoke": "revoke",
      "key.pause": "pause",
    } as const
  )[action];
}
