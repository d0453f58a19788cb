import { type SimulatorOptions, startStripeSimulator } from "./stripe-simulator/server";

// The simulation of Stripe as a process of its own; the supervisor gives its settings as one JSON argument.

try {
  // safe because the supervisor wrote it
  const simulator = await startStripeSimulator(JSON.parse(process.argv[2] ?? "{}") as SimulatorOptions);
  const stop = () => void simulator.close().then(() => process.exit(0));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
