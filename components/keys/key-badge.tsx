import { useTranslations } from "next-intl";
import type { KeyState } from "@/components/keys/listed-key";
import { Badge } from "@/components/ui/badge";

const VARIANT = {
  active: "positive",
  disabled: "neutral",
  expired: "warning",
  limited: "warning",
  paused: "danger",
  revoked: "danger",
} as const;

export function KeyBadge({ state }: { state: KeyState }) {
  const t = useTranslations("keys");
  return <Badge variant={VARIANT[state]}>{t(`statuses.${state}`)}</Badge>;
}
