import { NextIntlClientProvider } from "next-intl";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { LegalTexts } from "@/components/auth/legal-texts";
import messages from "@/messages/en.json" with { type: "json" };

const render = (termsUrl: string, privacyUrl: string) =>
  renderToStaticMarkup(
    <NextIntlClientProvider locale="en" timeZone="UTC" messages={messages}>
      <LegalTexts termsUrl={termsUrl} privacyUrl={privacyUrl} />
    </NextIntlClientProvider>,
  );

it("links what the operator named, and says nothing of the rest", () => {
  expect(render("", "")).not.toContain("<a");
  expect(render("", "")).toMatch(/^<p[^>]*><\/p>$/);
  const terms = render("https://example.com/terms", "");
  expect(terms).toContain('href="https://example.com/terms"');
  expect(terms).not.toContain("privacy");
  expect(render("https://example.com/terms", "https://example.com/privacy").match(/<a /g)).toHaveLength(2);
});
