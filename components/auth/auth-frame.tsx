import Link from "next/link";
import type { ReactNode } from "react";

/** One column with a title: the pages before somebody is signed in. */
export function AuthFrame({ title, text, children }: { title: string; text?: ReactNode; children: ReactNode }) {
  return (
    <div className="mx-auto flex w-full max-w-[448px] flex-col gap-6 px-4 py-12 wrap-anywhere md:py-20">
      <div>
        <h1 className="tight text-2xl font-semibold">{title}</h1>
        {text && <p className="mt-2 text-ink-2">{text}</p>}
      </div>
      {children}
    </div>
  );
}

/** A way to another page of these. */
export function AuthLink({ href, children }: { href: string; children: ReactNode }) {
  return (
    <p>
      <Link
        href={href}
        className="inline-flex min-h-6 items-center underline underline-offset-4 pointer-coarse:min-h-11"
      >
        {children}
      </Link>
    </p>
  );
}
