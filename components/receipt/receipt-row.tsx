import { useTranslations } from "next-intl";
import { type Arithmetic, classKey } from "@/components/receipt/format";
import type { ReceiptLine } from "@/lib/billing/receipt";
import { cn } from "@/lib/utils";

/** Parts of another class on the receipt, set in from it. */
const NESTED: readonly string[] = ["cacheRead", "cacheWrite", "cacheWrite1h"];

type ReceiptRowProps = { line: ReceiptLine; arithmetic: Arithmetic; rateLength: number; amount: string };

/** One line of the arithmetic. In a narrow receipt the arithmetic moves under the description. */
export function ReceiptRow({ line, arithmetic, rateLength, amount }: ReceiptRowProps) {
  const t = useTranslations("receipt");
  const { quantity, unit, rate, per } = arithmetic;
  const described = classKey(line.class);
  const rated = line.ratedAs && classKey(line.ratedAs);
  const ratedAs = rated && t(`classes.${rated.key}`, { name: rated.name });
  return (
    <tr className="@max-[21rem]:grid @max-[21rem]:grid-cols-[10ch_1fr_auto] @max-[21rem]:py-1">
      <th
        scope="row"
        className={cn(
          "py-0.5 pr-3 font-normal @max-[21rem]:order-1 @max-[21rem]:col-span-2 @max-[21rem]:pb-0!",
          NESTED.includes(line.class) && "pl-[2ch]",
        )}
        title={ratedAs && t("ratedAs", { class: ratedAs })}
      >
        {t(`classes.${described.key}`, { name: described.name })}
      </th>
      <td className="py-0.5 pr-2 text-right whitespace-nowrap text-ink-2 @max-[21rem]:order-3 @max-[21rem]:py-0">
        {unit ? `${quantity} ${t(`units.${unit}`)}` : quantity}
      </td>
      <td className="py-0.5 pr-3 whitespace-pre text-ink-2 @max-[21rem]:order-4 @max-[21rem]:col-span-2 @max-[21rem]:py-0">
        × {rate.padEnd(rateLength)} {per}
      </td>
      <td className="py-0.5 text-right @max-[21rem]:order-2 @max-[21rem]:pb-0!">{amount}</td>
    </tr>
  );
}
