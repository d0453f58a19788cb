import { getLocale, getTranslations } from "next-intl/server";
import { env } from "@/lib/env";
import { findStatus } from "@/lib/health/queries";
import { statusFeed } from "@/lib/health/status-feed";
import { publicOrigin } from "@/lib/origin";

/** As long as readers and caches may keep it. */
const FRESH_SECONDS = 60;

/** The incidents of the status page as a feed; 503 while nothing was ever seen of them. */
export async function GET({ headers }: Request): Promise<Response> {
  const status = await findStatus();
  if (!status) return new Response(null, { status: 503, headers: { "retry-after": "60" } });
  const [t, language] = await Promise.all([getTranslations("status"), getLocale()]);
  const feed = statusFeed(status, publicOrigin(headers, env().publicUrl), {
    language,
    title: t("title"),
    entry: ({ name, state }) => `${name}: ${t(`states.${state}`)}`,
    ongoing: t("ongoing"),
  });
  return new Response(feed, {
    headers: {
      "content-type": "application/atom+xml; charset=utf-8",
      "cache-control": `public, max-age=${FRESH_SECONDS}`,
      vary: "accept-language, cookie",
    },
  });
}
