import cluster from "node:cluster";

// Loaded into every role before its own code (`--import`). A supervisor that was killed cannot stop its children, so a
// role that loses the channel to it stops itself, as on SIGTERM. Cluster workers follow their primary instead. The channel
// keeps a process alive: one that is done says so with process.exit.
if (process.channel && !cluster.isWorker) {
  process.once("disconnect", () => {
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 35_000).unref();
  });
}
