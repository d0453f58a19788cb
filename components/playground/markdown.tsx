"use client";

import { useTranslations } from "next-intl";
import { type ComponentProps, isValidElement, memo, type ReactNode } from "react";
import { type Components, defaultRehypePlugins, Streamdown } from "streamdown";
import { CopyButton } from "@/components/ui/copy-button";

/** What a model wrote, as sanitised Markdown: raw HTML stays text, images are named and never fetched, since an address
 *  in an answer could carry away what was said. */
export const Markdown = memo(function Markdown({ text, isStreaming }: { text: string; isStreaming: boolean }) {
  return (
    <Streamdown
      className="flex min-w-0 flex-col gap-3 text-lg wrap-anywhere"
      mode={isStreaming ? "streaming" : "static"}
      components={COMPONENTS}
      controls={false}
      linkSafety={{ enabled: false }}
      // the first of the default ones would turn HTML in the text into elements
      rehypePlugins={REHYPE}
      skipHtml
    >
      {text}
    </Streamdown>
  );
});

const REHYPE = Object.entries(defaultRehypePlugins).flatMap(([name, plugin]) => (name === "raw" ? [] : [plugin]));
const SAFE_LINK = /^(https?:|mailto:)/i;

const COMPONENTS: Components = {
  h1: (props) => <Heading {...props} />,
  h2: (props) => <Heading {...props} />,
  h3: (props) => <Heading {...props} />,
  h4: (props) => <Heading {...props} />,
  h5: (props) => <Heading {...props} />,
  h6: (props) => <Heading {...props} />,
  p: ({ children }) => <p>{children}</p>,
  ul: ({ children }) => <ul className="flex list-disc flex-col gap-1 pl-6">{children}</ul>,
  ol: ({ children, start }) => (
    <ol className="figures flex list-decimal flex-col gap-1 pl-6" start={start}>
      {children}
    </ol>
  ),
  li: ({ children }) => <li className="pl-1">{children}</li>,
  strong: ({ children }) => <strong className="font-semibold">{children}</strong>,
  hr: () => <hr />,
  blockquote: ({ children }) => (
    <blockquote className="flex flex-col gap-3 border-l-2 border-line-strong pl-4 text-ink-2">{children}</blockquote>
  ),
  a: ({ href, children }) =>
    href && SAFE_LINK.test(href) ? (
      <a
        href={href}
        target="_blank"
        rel="noopener noreferrer nofollow"
        className="text-accent underline underline-offset-2"
      >
        {children}
      </a>
    ) : (
      <span>{children}</span>
    ),
  img: ({ alt, src }) => <ImageName alt={alt} src={src} />,
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
  inlineCode: ({ children }) => (
    <code className="rounded-control border bg-surface px-1 font-mono text-[0.875em]">{children}</code>
  ),
  table: ({ children }) => (
    <Scrolling kind="table">
      <table className="figures text-base">{children}</table>
    </Scrolling>
  ),
  thead: ({ children }) => <thead className="text-left text-sm text-ink-2">{children}</thead>,
  tbody: ({ children }) => <tbody>{children}</tbody>,
  tr: ({ children }) => <tr className="border-b">{children}</tr>,
  th: ({ children, style }) => (
    <th className="py-1.5 pr-6 font-medium" style={style}>
      {children}
    </th>
  ),
  td: ({ children, style }) => (
    <td className="py-1.5 pr-6 align-top" style={style}>
      {children}
    </td>
  ),
};

/** The page has its own outline; headings of an answer do not take part in it. */
function Heading({ children }: { children?: ReactNode }) {
  return <p className="mt-2 font-semibold">{children}</p>;
}

function ImageName({ alt, src }: Pick<ComponentProps<"img">, "alt" | "src">) {
  const t = useTranslations("playground");
  return <span className="text-ink-2">{t("image", { name: alt || (typeof src === "string" ? src : "") })}</span>;
}

function CodeBlock({ children }: { children?: ReactNode }) {
  const t = useTranslations("playground");
  const code = textOf(children).replace(/\n$/, "");
  return (
    <div className="relative min-w-0 rounded-control border bg-surface">
      <Scrolling kind="code">
        <pre className="w-max min-w-full py-3 pr-24 pl-4 font-mono text-sm leading-6" translate="no">
          <code>{code}</code>
        </pre>
      </Scrolling>
      <CopyButton text={code} label={t("copyCode")} className="absolute top-1 right-1 bg-surface" />
    </div>
  );
}

/** Only tables and code scroll sideways, and a keyboard reaches them. */
function Scrolling({ kind, children }: { kind: "table" | "code"; children: ReactNode }) {
  const t = useTranslations("playground");
  return (
    <section
      aria-label={t(kind === "code" ? "codeBlock" : "table")}
      className="min-w-0 overflow-x-auto"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a pointer
      tabIndex={0}
    >
      {children}
    </section>
  );
}

function textOf(node: ReactNode): string {
  if (typeof node === "string" || typeof node === "number") return String(node);
  if (Array.isArray(node)) return node.map(textOf).join("");
  return isValidElement<{ children?: ReactNode }>(node) ? textOf(node.props.children) : "";
}
