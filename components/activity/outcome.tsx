import { CircleAlert, CircleCheck, CircleSlash, OctagonX } from "lucide-react";
import { useTranslations } from "next-intl";
import { Badge } from "@/components/ui/badge";

export const OUTCOMES = [
  "ok",
  "client_gone",
  "upstream_error",
  "cut",
  "timeout",
  "crashed",
  "internal_error",
  "refused",
] as const;
export type OutcomeId = (typeof OUTCOMES)[number];

export function outcomeId(value: string): OutcomeId {
  return OUTCOMES.find((one) => one === value) ?? "internal_error";
}

const LOOKS = {
  ok: { variant: "positive", Icon: CircleCheck },
  client_gone: { variant: "neutral", Icon: CircleSlash },
  refused: { variant: "warning", Icon: OctagonX },
} as const;

export function Outcome({ value }: { value: string }) {
  const t = useTranslations("activity");
  const id = outcomeId(value);
  const { variant, Icon } =
    id in LOOKS ? LOOKS[id as keyof typeof LOOKS] : { variant: "danger" as const, Icon: CircleAlert };
  return (
    <Badge variant={variant}>
      <Icon strokeWidth={1.5} aria-hidden />
      {t(`outcomes.${id}`)}
    </Badge>
  );
}
