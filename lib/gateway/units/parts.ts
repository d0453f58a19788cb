import type { Usage } from "@/lib/billing/usage";
import { PartsFailed } from "@/lib/gateway/module-exchange";
import type { UsageReading } from "@/lib/gateway/usage/reading";

/** The answer to one call that takes several upstream calls, by offer: where one credential gives out in the middle, the offer's
 *  next one goes on from there. Another offer begins anew, since what two models make does not fit together. */
export class Parts<Part> {
  private readonly madeBy = new Map<string, Part[]>();

  constructor(
    /** What some of the parts used, by report or as we count. */
    private readonly usageOf: (parts: readonly Part[]) => UsageReading,
  ) {}

  /** Makes what is missing of `total` parts. `reading` is of those made now, `carried` of those before.
   *  Throws PartsFailed where a part fails behind others, and what `make` throws where it is the first. */
  async complete(
    offerId: string,
    total: number,
    make: (index: number) => Promise<Part>,
  ): Promise<{ parts: readonly Part[]; reading: UsageReading; carried?: Usage }> {
    const parts = this.madeBy.get(offerId) ?? [];
    this.madeBy.set(offerId, parts);
    const before = parts.length;
    const used = () => ({
      reading: this.usageOf(parts.slice(before)),
      ...(before > 0 && { carried: this.usageOf(parts.slice(0, before)).usage }),
    });
    try {
      while (parts.length < total) parts.push(await make(parts.length));
    } catch (error) {
      if (parts.length === 0) throw error;
      throw new PartsFailed(error, used());
    }
    return { parts, ...used() };
  }
}
