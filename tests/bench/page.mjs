// What it takes until a line that was executed lights up, in a real browser: from the program
// through shared memory, collector, relay and WebSocket to the frame that was painted. And what
// the page costs: with the demo, with a program that changes ten thousand units all the time, with
// 20 000 unit hits a second from an agent without a program, and with a million units.
//
//     node tests/bench/page.mjs [TICKS] [units]
//
// Needs the release binary, Go, and `npm ci` in tests/browser.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = join(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(join(repository, "tests/browser/package.json"));
const { chromium } = require("playwright-core");

const binary = process.env.COVERGLASS_BIN ?? join(repository, "target/release/coverglass");
const ticks = Number(process.argv[2] ?? 300);
const scratch = mkdtempSync(join(tmpdir(), "coverglass-page-"));
const shared = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "coverglass-page-"));
const environment = { ...process.env, COVERGLASS_DIR: shared };

function build(program, target = ".", flags = []) {
  const folder = join(repository, "tests/programs", program);
  const out = join(scratch, program);
  const built = spawnSync(binary, ["build", ...flags, "-o", out, target], { cwd: folder, stdio: "inherit" });
  if (built.status !== 0) throw new Error(`${program} can't be built`);
  return out;
}

// Starts a program and gives the first match of a pattern in what it prints.
function start(command, args, pattern) {
  const child = spawn(command, args, { env: environment });
  const ready = new Promise((resolve, reject) => {
    let seen = "";
    const read = (chunk) => {
      seen += chunk;
      const found = pattern.exec(seen);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", () => reject(new Error(`${command} ended:\n${seen}`)));
  });
  return { child, ready };
}

function percentiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  const text = (value) => `${value.toFixed(1)} ms`;
  return `median ${text(at(0.5))}, p90 ${text(at(0.9))}, p99 ${text(at(0.99))}, max ${text(at(1))}`;
}

// CPU of the page's main thread over some seconds, and frames per second.
async function load(page, seconds) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const metrics = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  const before = await metrics();
  const frames = await page.evaluate(
    (length) =>
      new Promise((resolve) => {
        let count = 0;
        const end = performance.now() + length;
        const step = () => {
          count += 1;
          performance.now() < end ? requestAnimationFrame(step) : resolve(count);
        };
        requestAnimationFrame(step);
      }),
    1000 * seconds,
  );
  const after = await metrics();
  const took = after.Timestamp - before.Timestamp;
  const busy = (1000 * (after.TaskDuration - before.TaskDuration)) / took;
  return `${(frames / took).toFixed(0)} fps, ${busy.toFixed(0)} ms of main thread per second`;
}

// Ends a child and waits until it has.
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on("exit", resolve));
  child.kill();
  await ended;
}

// The ticker says when its line ran; the page, when it had painted which count.
async function latency(page, address) {
  const child = spawn(build("ticker"), ["-n", String(ticks), "-every", "53ms", "-delay", "4s"], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk) => (printed += chunk));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  try {
    await page.goto(`${address}/#/1/source?f=example.com/ticker/main.go`);
    await page.waitForFunction(() => document.querySelector(".code")?.textContent.includes("hits++"));
    await page.evaluate(() => {
      const seen = (window.seenCounts = []);
      const row = [...document.querySelectorAll(".gutter")].find((gutter) =>
        gutter.parentElement.textContent.includes("hits++"),
      );
      let last = "";
      const step = () => {
        const text = row.querySelector(".count").textContent;
        if (text !== last) {
          last = text;
          seen.push([Number(text.replace(/\D/g, "")), window.coverglass.lastPaint.at]);
        }
        requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    });
    await ended;
  } finally {
    await end(child);
  }
  const seen = await page.evaluate(() => window.seenCounts);
  const ticked = printed.split("\n").filter((line) => /^\d+ \d+$/.test(line));
  const late = ticked
    .map((line) => {
      const [count, at] = line.split(" ").map(Number);
      const painted = seen.find(([shown]) => shown >= count);
      return painted && painted[1] - at / 1e6;
    })
    .filter((value) => value !== undefined);
  return `${percentiles(late)} (${late.length} of ${ticked.length} ticks)`;
}

// The page's load while a program runs and one of its files is looked at.
async function busy(page, address, program, args, file, text) {
  const child = spawn(program, args, { env: environment, stdio: "ignore" });
  try {
    await page.goto(`${address}/#/1/source?f=${file}`);
    await page.waitForFunction((text) => document.querySelector(".code")?.textContent.includes(text), text);
    await page.waitForTimeout(15_000);
    const measured = await load(page, 10);
    const { units, hitsPerSecond } = await page.evaluate(() => window.coverglass.getState());
    return `${measured} (${units} units, ${Math.round(hitsPerSecond)} hits/s)`;
  } finally {
    await end(child);
  }
}

// Fifty messages a second of 400 units each, half of them in the file on the screen; the others are
// hit for the first time in the first seconds, which the measurement includes.
async function flood(page, address) {
  const { agent, table } = await import("../browser/agent.mjs");
  const path = "example.com/load/hot";
  const feeder = await agent(address, [table(path, { files: 50, functions: 20, units: 10 })]);
  const counts = new Array(10_000).fill(0);
  feeder.counts([[0, [[0, 1]]]]);
  let timer;
  try {
    await page.goto(`${address}/#/1/source?service=load&f=${path}/file0.go`);
    await page.waitForFunction(() => window.coverglass?.getState().units === 10_000);
    timer = setInterval(() => {
      const hit = new Set(Array.from({ length: 200 }, (_, unit) => unit));
      while (hit.size < 400) hit.add(200 + Math.floor(Math.random() * 9_800));
      const units = [...hit].sort((a, b) => a - b);
      feeder.counts([[0, units.map((unit) => [unit, ++counts[unit]])]]);
    }, 20);
    await page.waitForTimeout(1_000);
    const measured = await load(page, 10);
    const { units, hitsPerSecond } = await page.evaluate(() => window.coverglass.getState());
    return `${measured} (${units} units, ${Math.round(hitsPerSecond)} hits/s)`;
  } finally {
    clearInterval(timer);
    feeder.close();
  }
}

// A forged program of a million units, 455 of which change every 50 ms.
async function million(page, address) {
  const child = spawn("cargo", ["bench", "--quiet", "-p", "tests", "--bench", "units", "--", "hold", shared], {
    cwd: repository,
    env: environment,
    stdio: ["pipe", "inherit", "inherit"],
  });
  try {
    await page.goto(`${address}/#/1/source`);
    const before = Date.now();
    await page.waitForFunction(() => window.coverglass?.getState().units >= 1e6, undefined, { timeout: 600_000 });
    const known = Date.now();
    await page.reload();
    await page.waitForFunction(() => window.coverglass?.getState().units >= 1e6, undefined, { timeout: 600_000 });
    const loaded = Date.now() - known;
    await page.waitForTimeout(2000);
    return `${await load(page, 8)}, ${loaded} ms from reload to all units there (first after ${known - before} ms, with the build of the bench)`;
  } finally {
    child.stdin.end();
    await new Promise((resolve) => child.on("exit", resolve));
  }
}

const relay = start(binary, ["serve", "--listen", "127.0.0.1:0"], /http:\/\/127\.0\.0\.1:\d+/);
const browser = await chromium.launch({
  executablePath: process.env.COVERGLASS_BROWSER ?? findBrowser(),
  args: ["--no-sandbox"],
});
try {
  const address = await relay.ready;
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  console.log(`executed → painted: ${await latency(page, address)}`);
  const demo = build("demo");
  const catalog = ["example.com/demo/shop/catalog/ordered.go", "Ordered"];
  console.log(`the demo: ${await busy(page, address, demo, ["-load"], ...catalog)}`);
  // Some ten thousand units that change all the time, as fast as the processor goes.
  const typecheck = build("bench", "./typecheck", ["-coverpkg=./...,go/..."]);
  const expressions = ["go/types/expr.go", "opPredicates"];
  console.log(`type-checking std: ${await busy(page, address, typecheck, ["-n", "1000"], ...expressions)}`);
  console.log(`20 000 hits a second: ${await flood(page, address)}`);
  if (process.argv.includes("units")) console.log(`a million units: ${await million(page, address)}`);
} finally {
  await browser.close();
  await end(relay.child);
  rmSync(scratch, { recursive: true, force: true });
  rmSync(shared, { recursive: true, force: true });
}

function findBrowser() {
  const found = spawnSync(join(repository, "tests/browser-path"), { encoding: "utf8" });
  return found.stdout.trim();
}
