"use client";

import { ErrorPage, type ErrorPageProps } from "@/components/shell/error-page";
import { PublicShell } from "@/components/shell/public-shell";

/** The last resort inside the root layout: what failed took its own frame with it. */
export default function RootError(props: ErrorPageProps) {
  return (
    <PublicShell>
      <ErrorPage {...props} />
    </PublicShell>
  );
}
