// How soon the page of traces shows a trace, the memory it takes, and how long its threads are busy
// at once while it is opened, moved and zoomed: node tests/bench/trace.mjs FILE [URL of a page].
// Needs a built binary and Chromium. `tests/bench/trace.py --into FOLDER` records traces for it.

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
  const frames = traceEvents
    .filter(
      (event) => event.name === "FireAnimationFrame" && threads.get(`${event.pid}.${event.tid}`) === "DedicatedWorker thread",
    )
    .map((event) => (event.tdur ?? event.dur ?? 0) / 1000)
    .sort((a, b) => a - b);
  const share = (part) => (frames[Math.floor(frames.length * part)] ?? 0).toFixed(1);
  console.log(
    `${what.padEnd(12)} ${(frames.length / wall * 1000).toFixed(0)} frames a second, cpu of each: ` +
      `median ${share(0.5)}, p90 ${share(0.9)}, most ${(frames.at(-1) ?? 0).toFixed(1)} ms`,
  );
}

/** Notes when the file was given, when rows have colors, and when all was read. */
function watch() {
  const seen = (window.seen = {});
  const file = document.querySelector("#file");
  file.addEventListener("change", () => (seen.given = performance.now()), { capture: true });
  const [width, height] = [64, 40];
  const probe = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  const look = () => {
    const canvas = document.querySelector("#stage canvas:not([hidden])");
    if (seen.given && !seen.picture && canvas.width > 0) {
      const [left, top] = [canvas.width * 0.2, canvas.height * 0.15];
      probe.clearRect(0, 0, width, height);
      probe.drawImage(canvas, left, top, canvas.width - left, canvas.height - top, 0, 0, width, height);
      const { data } = probe.getImageData(0, 0, width, height);
      let colored = 0;
      for (let at = 0; at < data.length; at += 4) {
        const color = data.subarray(at, at + 3);
        if (Math.max(...color) - Math.min(...color) > 40) colored++;
      }
      if (colored > 20) seen.picture = performance.now();
    }
    const { textContent } = document.querySelector("#status");
    if (seen.given && !seen.read && /goroutines/.test(textContent)) seen.read = performance.now();
    if (!seen.picture || !seen.read) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

// Once to see when, and once to see what it takes, since looking takes time of its own.
await page.evaluate(watch);
await page.setInputFiles("#file", file);
await page.waitForFunction(() => seen.picture && seen.read);
const { given, picture, read } = await page.evaluate(() => seen);
const worker = page.workers()[0];
const memory = await worker.evaluate(async (address) => {
  const module = await import(address);
  return (await module.default()).memory.buffer.byteLength;
}, `${new URL("tracer.js", worker.url())}`);
console.log(await page.textContent("#status"));
console.log(
  `first picture after ${(picture - given).toFixed(0)} ms, read after ${(read - given).toFixed(0)} ms, ` +
    `${(memory / 2 ** 20).toFixed(0)} MB of wasm memory`,
);
await page.reload();
await page.waitForSelector("body[data-ready]");
await measure("open", async () => {
  await page.setInputFiles("#file", file);
  await page.waitForFunction(() => /goroutines/.test(document.querySelector("#status").textContent));
  await page.waitForTimeout(300);
});
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
