import { NextIntlClientProvider } from "next-intl";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { ErrorPage } from "@/components/shell/error-page";
import messages from "@/messages/en.json";

function render(error: unknown): string {
  return renderToStaticMarkup(
    <NextIntlClientProvider locale="en" timeZone="UTC" messages={messages}>
      <ErrorPage error={error} retry={() => {}} />
    </NextIntlClientProvider>,
  );
}

it("shows the reference and nothing of the error", () => {
  const html = render(Object.assign(new Error("connect ECONNREFUSED 10.0.0.7"), { digest: "3141592653" }));
  expect(html).toContain("3141592653");
  expect(html).toContain(messages.error.title);
  expect(html).not.toMatch(/ECONNREFUSED|10\.0\.0\.7|error-page\.test/);
});

it("does without a reference for what is not an Error", () => {
  expect(render("thrown text")).not.toMatch(/thrown text|Reference/);
});
