import { globSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "@playwright/test";
import { contextOf, type Visitor, type World } from "@/e2e/support/world";

/** Which pages the product has, and how each one is seen: by whom, where, with what on it. */

const ROOT = join(import.meta.dirname, "../..");

/** Every page of app/ as its route, such as `/[org]/activity/requests/[id]`. */
export const ROUTES: readonly string[] = globSync("app/**/page.tsx", { cwd: ROOT })
  .map(
    (file) =>
      `/${file
        .split("/")
        .slice(1, -1)
        .filter((part) => !part.startsWith("("))
        .join("/")}`,
  )
  .sort();

export type View = {
  as: Visitor;
  /** With data on it. */
  at: (world: World) => string;
  /** Where there is another picture without any: the same page of somebody who has nothing yet. */
  emptyAs?: Visitor;
  /** The one mode that has such a page. `unset`: only a hub without an owner has it. */
  only?: "service" | "enterprise" | "unset";
  /** Looks different in enterprise mode, not only by the balance in its head. */
  varies?: true;
  /** Of a page that says that it is not there. */
  status?: 404;
};

const nobody = (path: string): View => ({ as: "nobody", at: () => path });
const member = (path: string): View => ({
  as: "member",
  at: ({ member }) => `/${member.slug}${path}`,
  emptyAs: "newcomer",
});
const operator = (path: string): View => ({ as: "operator", at: () => `/admin${path}` });

/** By route; a route has one view or several. */
export const VIEWS: Readonly<Record<string, readonly View[]>> = {
  "/": [nobody("/")],
  "/connect": [
    { as: "member", at: ({ connectToken }) => `/connect?__token__=${connectToken}&appName=%20AIGNE%20CLI` },
    { as: "member", at: () => "/connect?__token__=gone" },
  ],
  // shown while developing only
  "/design": [{ ...nobody("/design"), status: 404 }],
  "/docs/compatibility": [nobody("/docs/compatibility")],
  "/forgot": [nobody("/forgot")],
  "/invite/[token]": [
    { as: "nobody", at: ({ invitation }) => `/invite/${invitation}` },
    { as: "newcomer", at: ({ invitation }) => `/invite/${invitation}` },
    nobody("/invite/gone"),
  ],
  "/magic": [nobody("/magic?token=x")],
  "/models": [{ as: "member", at: () => "/models" }],
  "/models/[...id]": [{ as: "member", at: () => "/models/sandbox/chat" }],
  "/new-org": [{ as: "orgless", at: () => "/new-org", varies: true }],
  "/reset": [nobody("/reset?token=x")],
  "/setup": [
    { ...nobody("/setup"), only: "unset" },
    { as: "nobody", at: ({ setupToken }) => `/setup?token=${setupToken}`, only: "unset" },
  ],
  "/setup/done": [{ as: "operator", at: () => "/setup/done" }],
  "/sign-in": [nobody("/sign-in")],
  "/sign-up": [{ ...nobody("/sign-up"), varies: true }],
  "/status": [{ as: "member", at: () => "/status" }],
  "/verify": [{ as: "unverified", at: () => "/verify" }],

  "/[org]": [{ ...member(""), varies: true }],
  "/[org]/activity": [
    member("/activity"),
    member("/activity?metric=latency"),
    member("/activity?view=apps"),
    member("/activity?view=requests"),
    {
      as: "member",
      at: ({ member, requestId }) => `/${member.slug}/activity?view=requests&request=${requestId}`,
    },
  ],
  "/[org]/activity/requests/[id]": [
    { as: "member", at: ({ member, requestId }) => `/${member.slug}/activity/requests/${requestId}` },
    { as: "member", at: ({ member, refusedId }) => `/${member.slug}/activity/requests/${refusedId}` },
  ],
  "/[org]/billing": [{ ...member("/billing"), only: "service" }],
  "/[org]/billing/return/[id]": [
    { as: "member", at: ({ member, topupId }) => `/${member.slug}/billing/return/${topupId}`, only: "service" },
  ],
  "/[org]/costs": [{ ...member("/costs"), only: "enterprise", varies: true }],
  "/[org]/keys": [member("/keys")],
  "/[org]/keys/[id]": [{ as: "member", at: ({ member, keyId }) => `/${member.slug}/keys/${keyId}` }],
  "/[org]/models": [member("/models")],
  "/[org]/playground": [member("/playground")],
  "/[org]/settings": [member("/settings")],
  "/[org]/team": [member("/team")],

  "/admin": [{ ...operator(""), varies: true }],
  "/admin/audit": [operator("/audit")],
  "/admin/catalogue": [operator("/catalogue")],
  "/admin/catalogue/[id]": [{ as: "operator", at: ({ syncId }) => `/admin/catalogue/${syncId}` }],
  "/admin/customers": [{ ...operator("/customers"), varies: true }],
  "/admin/customers/[id]": [{ as: "operator", at: ({ member }) => `/admin/customers/${member.orgId}`, varies: true }],
  "/admin/health": [operator("/health")],
  "/admin/ledger": [operator("/ledger")],
  "/admin/models": [operator("/models")],
  "/admin/models/[...id]": [operator("/models/sandbox/chat")],
  "/admin/models/new": [operator("/models/new")],
  "/admin/providers": [operator("/providers")],
  "/admin/providers/[slug]": [{ as: "operator", at: ({ provider }) => `/admin/providers/${provider}` }],
  "/admin/providers/[slug]/models": [
    { as: "operator", at: ({ offering }) => `/admin/providers/${offering}/models` },
    { as: "operator", at: ({ provider }) => `/admin/providers/${provider}/models` },
  ],
  "/admin/providers/new": [operator("/providers/new")],
  "/admin/settings": [{ ...operator("/settings"), varies: true }],
};

/** What no page.tsx stands for: addresses without a page, in and outside an organisation. */
export const MISSING: readonly View[] = [
  { ...nobody("/no/such/page"), status: 404 },
  { as: "member", at: ({ member }) => `/${member.slug}/activity/requests/req_none`, status: 404 },
  { as: "operator", at: () => "/admin/customers/org_none", status: 404 },
];

/** The picture of a page that has been opened: `org-activity-2`. */
export type NamedView = View & { name: string };

export const ALL: readonly NamedView[] = Object.entries(VIEWS).flatMap(([route, views]) =>
  views.map((view, index) => ({ ...view, name: nameOf(route) + (index > 0 ? `-${index + 1}` : "") })),
);
export const NOT_THERE: readonly NamedView[] = MISSING.map((view) => ({ ...view, name: `missing-for-${view.as}` }));

function nameOf(route: string): string {
  return route.replace(/\W+/g, "-").replace(/^-|-$/g, "") || "landing";
}

/** The same pages for somebody who has nothing yet. */
export function emptied(views: readonly NamedView[]): NamedView[] {
  return views.flatMap((view) => (view.emptyAs ? [{ ...view, as: view.emptyAs, name: `${view.name}-empty` }] : []));
}

export const SCREENS = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
} satisfies Record<string, BrowserContextOptions>;

/** Calls `look` for each view with a page of its visitor; the page is not opened yet. */
export async function visit(
  browser: Browser,
  world: World,
  views: readonly NamedView[],
  options: BrowserContextOptions,
  look: (page: Page, path: string, view: NamedView) => Promise<void>,
): Promise<void> {
  for (const visitor of new Set(views.map(({ as }) => as))) {
    const context = await contextOf(browser, world, visitor, options);
    const page = await context.newPage();
    const slug = world.slugOf[visitor];
    const own = slug ? { ...world, member: { ...world.member, slug } } : world;
    for (const view of views.filter(({ as }) => as === visitor)) await look(page, view.at(own), view);
    await context.close();
  }
}
