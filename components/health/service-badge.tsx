import { CircleCheck, CircleHelp, CircleX, TriangleAlert } from "lucide-react";
import { useTranslations } from "next-intl";
import { Badge } from "@/components/ui/badge";
import type { ServiceState } from "@/lib/health/service-state";

const LOOK = {
  up: { variant: "positive", Icon: CircleCheck },
  degraded: { variant: "warning", Icon: TriangleAlert },
  down: { variant: "danger", Icon: CircleX },
  unknown: { variant: "neutral", Icon: CircleHelp },
} as const;

/** What nobody asked lately is grey, never green. */
export function ServiceBadge({ state }: { state: ServiceState }) {
  const t = useTranslations("status.states");
  const { variant, Icon } = LOOK[state];
  return (
    <Badge variant={variant}>
      <Icon strokeWidth={1.5} aria-hidden />
      {t(state)}
    </Badge>
  );
}
