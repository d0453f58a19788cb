"use client";

import { useRefreshOnChange } from "@/components/shell/use-refresh-on-change";

type RefreshOnChangeProps = {
  orgSlug: string;
  /** The wallet's version when the page was rendered. */
  since: string;
};

/** Keeps a page of the organisation true while money moves: a call settled, credit arrived. */
export function RefreshOnChange({ orgSlug, since }: RefreshOnChangeProps) {
  useRefreshOnChange(`/api/console/${orgSlug}/changes`, `?since=${since}`);
  return null;
}
