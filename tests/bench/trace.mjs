// How long the threads of the page of traces are busy at once, while a trace is opened, moved and
// zoomed: node tests/bench/trace.mjs FILE [URL of a page]. Needs a built binary and Chromium.

import { World } from "../browser/fixture.mjs";

const [file, at] = process.argv.slice(2);
if (!file) throw new Error("usage: node tests/bench/trace.mjs FILE [URL]");
const world = new World();
const url = at ?? `${(await world.relay({ args: ["--no-collector"] })).url}/trace.html`;
const page = await world.page(url, { width: 1600, height: 1000 });
await page.waitForSelector("body[data-ready]");
const browser = await world.browser();

/** Runs something, and tells the tasks of both threads meanwhile. */
async function measure(what, run) {
  await browser.startTracing(page, {
    categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"],
  });
  const begin = performance.now();
  await run();
  const wall = performance.now() - begin;
  const { traceEvents } = JSON.parse(`${await browser.stopTracing()}`);
  const threads = new Map();
  for (const { name, pid, tid, args } of traceEvents) {
    if (name === "thread_name") threads.set(`${pid}.${tid}`, args.name);
  }
  for (const [thread, title] of [
    ["CrRendererMain", "document"],
    ["DedicatedWorker thread", "worker"],
  ]) {
    const of = (event) => threads.get(`${event.pid}.${event.tid}`) === thread;
    const tasks = traceEvents
      .filter((event) => /RunTask$/.test(event.name) && event.dur && of(event))
      .map((event) => [event.dur / 1000, (event.tdur ?? event.dur) / 1000]);
    // What was long on a busy machine may have been waiting: the second number is the processor's.
    const cpu = tasks.map(([, cpu]) => cpu).sort((a, b) => a - b);
    const share = (part) => (cpu[Math.floor(cpu.length * part)] ?? 0).toFixed(1);
    const longest = Math.max(0, ...tasks.map(([wall]) => wall)).toFixed(1);
    const most = (cpu.at(-1) ?? 0).toFixed(1);
    const over = tasks.filter(([wall]) => wall > 50).length;
    const sum = cpu.reduce((sum, time) => sum + time, 0).toFixed(0);
    console.log(
      `${what.padEnd(12)} ${title.padEnd(9)} ${wall.toFixed(0)} ms, ${tasks.length} tasks, ` +
        `cpu ${sum} ms: median ${share(0.5)}, p99 ${share(0.99)}, most ${most} ms; ` +
        `longest ${longest} ms, ${over} over 50 ms`,
    );
  }
  const frames = traceEvents.filter(
    (event) => event.name === "FireAnimationFrame" && threads.get(`${event.pid}.${event.tid}`) === "DedicatedWorker thread",
  ).length;
  console.log(`${what.padEnd(12)} ${(frames / wall * 1000).toFixed(0)} frames a second`);
}

await measure("open", async () => {
  await page.setInputFiles("#file", file);
  await page.waitForFunction(() => /goroutines/.test(document.querySelector("#status").textContent));
  await page.waitForTimeout(300);
});
console.log(await page.textContent("#status"));
await page.mouse.move(800, 500);
await measure("zoom", async () => {
  for (let step = 0; step < 90; step++) await page.mouse.wheel(0, step < 45 ? -60 : 55);
});
await page.keyboard.press("f");
await page.mouse.wheel(0, -400);
await measure("move", async () => {
  await page.mouse.down();
  for (let step = 0; step < 120; step++) {
    await page.mouse.move(800 + 300 * Math.sin(step / 12), 500 + 100 * Math.cos(step / 9));
  }
  await page.mouse.up();
});
await page.mouse.move(900, 600);
await measure("hover", async () => {
  for (let step = 0; step < 100; step++) await page.mouse.move(300 + 10 * step, 300 + 4 * step);
});
await world.end();
