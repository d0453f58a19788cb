import { cn } from "@/lib/utils";

type MeterProps = {
  /** Read to assistive technology with the value's text. */
  label: string;
  text: string;
  /** 0 to 1; more than 1 is drawn as full. */
  share: number;
  className?: string;
};

/** How much of a limit is used. From four fifths on it warns, at the limit it says so; the figures stand beside it. */
export function Meter({ label, text, share, className }: MeterProps) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10;
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers draw <meter> themselves, each in its own colours
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={text}
      data-slot="meter"
      className={cn("h-1.5 w-full border border-line-strong bg-surface forced-colors:border-[CanvasText]", className)}
    >
      <div
        className={cn(
          "h-full forced-colors:bg-[CanvasText]",
          share >= 1 ? "bg-danger" : share >= 0.8 ? "bg-warning" : "bg-ink-2",
        )}
        style={{ width: `${percent}%` }}
      />
    </div>
  );
}
