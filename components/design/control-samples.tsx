"use client";

import { Plus } from "lucide-react";
import { ROWS, STATES, VARIANTS, WORDS } from "@/components/design/samples";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Meter } from "@/components/ui/meter";
import { Money } from "@/components/ui/money";
import { Skeleton, SkeletonRows } from "@/components/ui/skeleton";

const SHARES = [0, 0.4, 0.85, 1];

export function ControlSamples() {
  return (
    <div className="flex flex-col gap-5">
      {[false, true].map((disabled) => (
        <div key={String(disabled)} className="flex flex-wrap items-center gap-2">
          {VARIANTS.map((variant) => (
            <Button key={variant} variant={variant} disabled={disabled}>
              {variant}
            </Button>
          ))}
          <Button size="small" disabled={disabled}>
            {WORDS.open}
          </Button>
          <Button size="icon" variant="quiet" disabled={disabled} aria-label={WORDS.submit}>
            <Plus strokeWidth={1.5} aria-hidden />
          </Button>
        </div>
      ))}
      <div className="flex flex-wrap items-center gap-2">
        {STATES.map((variant) => (
          <Badge key={variant} variant={variant}>
            {variant}
          </Badge>
        ))}
        <CopyButton text={WORDS.hint} label={WORDS.copy} />
      </div>
      <div className="grid max-w-80 gap-2">
        {SHARES.map((share) => (
          <Meter key={share} label={WORDS.spend} text={String(share)} share={share} />
        ))}
      </div>
      <p className="flex gap-6">
        {ROWS.map(({ id, usd }) => (
          <Money key={id} usd={usd} />
        ))}
        <Money usd={null} />
      </p>
      <Skeleton className="w-40" />
      <SkeletonRows rows={2} label={WORDS.loading} />
    </div>
  );
}
