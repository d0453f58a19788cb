import { ArrowLeft } from "lucide-react";
import Link from "next/link";

/** Above the title of a detail: the way to its list. */
export function BackLink({ href, label }: { href: string; label: string }) {
  return (
    <div className="pt-6">
      <Link
        href={href}
        className="-ml-1 inline-flex min-h-8 items-center gap-1.5 rounded-control px-1 text-sm text-ink-2 hover:text-ink pointer-coarse:min-h-11"
      >
        <ArrowLeft className="size-4" strokeWidth={1.5} aria-hidden />
        {label}
      </Link>
    </div>
  );
}
