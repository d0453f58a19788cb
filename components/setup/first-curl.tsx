import { CopyButton } from "@/components/ui/copy-button";

type FirstCurlProps = { title: string; text: string; copyLabel: string; code: string };

/** A call that runs as it stands, with the one key that set-up made. */
export function FirstCurl({ title, text, copyLabel, code }: FirstCurlProps) {
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-center justify-between gap-4">
        <h2 className="font-medium">{title}</h2>
        <CopyButton text={code} label={copyLabel} className="-mr-2" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, so the keyboard must reach it */}
      <section tabIndex={0} aria-label={title} className="overflow-x-auto border-y py-3">
        <pre className="w-max font-mono text-sm leading-6" translate="no">
          {code}
        </pre>
      </section>
      <p className="text-sm text-ink-2">{text}</p>
    </div>
  );
}
