"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { useToast } from "@/components/ui/toast";
import { toggleKeysAction } from "@/lib/keys/actions";

type Toggle = (ids: string[], enabled: boolean, onDone?: () => void) => void;

/** Disables or enables keys and shows the page again; a refusal is said in a toast, and nothing is done then. */
export function useToggleKeys(orgSlug: string): [busy: boolean, toggle: Toggle] {
  const t = useTranslations("keys");
  const explain = useExplain();
  const toast = useToast();
  const router = useRouter();
  const [busy, start] = useTransition();
  const toggle: Toggle = (ids, enabled, onDone) =>
    start(async () => {
      const result = await settled(toggleKeysAction(orgSlug, { ids, enabled }));
      if (!result) return;
      if (!result.ok) toast.add({ title: explain.error(result.error) });
      else {
        toast.add({ title: t(enabled ? "enabledCount" : "disabledCount", { count: result.data.length }) });
        router.refresh();
        onDone?.();
      }
    });
  return [busy, toggle];
}
