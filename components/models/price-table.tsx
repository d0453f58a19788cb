import { useTranslations } from "next-intl";
import { Money } from "@/components/ui/money";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";
import type { WrittenRates } from "@/lib/catalog/rates";

const CLASSES = [
  "input",
  "cacheRead",
  "cacheWrite",
  "cacheWrite1h",
  "output",
  "reasoning",
  "audioInput",
  "audioOutput",
  "imageInput",
  "imageOutput",
  "videoInput",
  "perMillionCharacters",
  "perImage",
  "perSecond",
  "perRequest",
] as const;
type RateClass = (typeof CLASSES)[number];

const UNIT = {
  perMillionCharacters: "millionCharacters",
  perImage: "image",
  perSecond: "second",
  perRequest: "request",
} as const;

/** Every class that has a price of its own, in each tier. What is not listed is charged as its parent class. */
export function PriceTable({ price }: { price: WrittenRates }) {
  const t = useTranslations("models");
  const receipt = useTranslations("receipt");
  const { tiers = [], perToolCall = {}, ...base } = price;
  const sets = [base, ...tiers];
  const priced = CLASSES.filter((name) => sets.some((set) => set[name] !== undefined));
  const unitOf = (name: RateClass) => t(`units.${name in UNIT ? UNIT[name as keyof typeof UNIT] : "million"}`);
  return (
    <Table>
      <caption className="sr-only">{t("prices")}</caption>
      <TableHeader>
        <TableRow>
          <TableHead>{t("class")}</TableHead>
          <TableHead>{t("unit")}</TableHead>
          {sets.map((set) => (
            <TableHead key={tierOf(set)} numeric>
              {tierOf(set) === 0 ? t("price") : t("above", { tokens: tierOf(set) })}
            </TableHead>
          ))}
        </TableRow>
      </TableHeader>
      <TableBody>
        {priced.map((name) => (
          <TableRow key={name}>
            <TableRowHead>{receipt(`classes.${name}`)}</TableRowHead>
            <TableCell className="text-ink-2">{unitOf(name)}</TableCell>
            {sets.map((set) => (
              <TableCell key={tierOf(set)} numeric>
                <Money usd={set[name] ?? base[name] ?? null} />
              </TableCell>
            ))}
          </TableRow>
        ))}
        {Object.entries(perToolCall).map(([name, usd]) => (
          <TableRow key={name}>
            <TableRowHead>{receipt("classes.toolCall", { name })}</TableRowHead>
            <TableCell className="text-ink-2">{t("units.call")}</TableCell>
            {sets.map((set) => (
              <TableCell key={tierOf(set)} numeric>
                <Money usd={usd} />
              </TableCell>
            ))}
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}

function tierOf(set: object): number {
  return "aboveInputTokens" in set ? Number(set.aboveInputTokens) : 0;
}
