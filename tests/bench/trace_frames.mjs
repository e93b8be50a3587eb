// What a frame of the view in space costs the worker: CPU, quads and uploads, while a trace plays
// and while the camera turns. What the graphics card does is not counted.
//
//     node tests/bench/trace_frames.mjs TRACE... [--seconds N] [--url URL]
//
// Needs `npm ci` in tests/browser and the release binary, or the address of a page.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = join(dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(join(repository, "tests/browser/package.json"));
const { chromium } = require("playwright-core");
const binary = process.env.COVERGLASS_BIN ?? join(repository, "target/release/coverglass");

const words = process.argv.slice(2);
const option = (name) => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
};
const seconds = Number(option("--seconds") ?? 10);
const address = option("--url");
if (words.length === 0) throw new Error("which traces?");

const relay = address ? undefined : spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--no-collector"]);
const url = address ?? await new Promise((done, fail) => {
  relay.stdout.once("data", (line) => done(`${line}`.trim().split("\n")[0]));
  relay.once("exit", (code) => fail(new Error(`the relay ended (${code})`)));
});
const browser = await chromium.launch({
  executablePath: process.env.COVERGLASS_BROWSER ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/** What frames have cost so far. */
const measure = (page) =>
  page.evaluate(async () => {
    const tools = document.querySelector("#space-tools");
    delete tools.dataset.frames;
    tools.dispatchEvent(new Event("measure"));
    while (!tools.dataset.frames) await new Promise((done) => setTimeout(done, 20));
    return Object.fromEntries(Object.entries(tools.dataset).map(([name, value]) => [name, Number(value)]));
  });

/** Frames between two measures. */
function told(what, before, after) {
  const frames = after.frames - before.frames;
  const cpu = ((after.cpu - before.cpu) / Math.max(frames, 1)).toFixed(2);
  const bytes = after.uploaded - before.uploaded;
  const builds = after.builds - before.builds;
  console.log(`  ${what}: ${frames} frames, ${cpu} ms of CPU each, ${bytes} bytes uploaded, ${builds} builds`);
}

try {
  for (const path of words) {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 }, reducedMotion: "reduce" });
    page.setDefaultTimeout(300_000);
    await page.goto(`${url}/trace.html#view=3d`);
    await page.waitForSelector("body[data-ready]");
    await page.setInputFiles("#file", path);
    await page.waitForFunction(() => document.querySelector("#progress").hidden && Number(document.querySelector("#space-tools").dataset.now) > 0);
    const { 1: count } = /([\d\s]+) goroutines/.exec(await page.textContent("#status"));
    let still = await measure(page);
    // All of them are on the screen, once that was computed.
    while (still.lines + still.grouped < Number(count.replace(/\s/g, ""))) {
      await page.waitForTimeout(500);
      still = await measure(page);
    }
    console.log(
      `${basename(path)}: ${still.lines} lines, ${still.grouped} in ribbons; ${still.primitives} quads: ` +
        `${still.segments} segments, ${still.links} links; computed in ${still.build.toFixed(0)} ms`,
    );
    await page.locator("#stage").focus();
    await page.keyboard.press("r");
    // Names are placed before the first frame; from then on there is nothing to upload.
    await page.waitForTimeout(1_000);
    const begin = await measure(page);
    await page.waitForTimeout(seconds * 1_000);
    const played = await measure(page);
    told("playing", begin, played);
    await page.keyboard.press("p");
    await page.keyboard.press("a");
    await page.waitForTimeout(seconds * 1_000);
    told("turning", played, await measure(page));
    await page.close();
  }
} finally {
  await browser.close();
  relay?.kill();
}
