// Execution traces in space: a small one that Go has just recorded, in WebGL2.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { PATIENCE, World, browserPath, drop, missing } from "./fixture.mjs";

const BACK = [0x0e, 0x13, 0x18];

/** What is told apart on a dark page; how far from the background a color is does not matter. */
const COLORS = {
  running: [0x56, 0xb4, 0xe9],
  runnable: [0xf0, 0xb4, 0x29],
  syscall: [0x2f, 0xc9, 0x9a],
  channel: [0x5a, 0x4f, 0x85].map((part) => part * 1.35),
  sync: [0x7d, 0x48, 0x58].map((part) => part * 1.35),
  message: [0xff, 0x9d, 0xc8],
  idle: [0x2b, 0x34, 0x3d].map((part) => part * 1.9),
};

/**
 * Pixels of each color in a picture, mixed with the background or not; `ink` is all that is not
 * background, `hash` stands for the picture itself, and `syscall_at` is amid those of that color.
 */
function count(page, picture) {
  return page.evaluate(
    async ([picture, back, colors]) => {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, image.width, image.height);
      const calls = [];
      const found = { ink: 0, hash: 0, width: image.width, height: image.height };
      const wanted = Object.entries(colors).map(([name, color]) => {
        found[name] = 0;
        const way = color.map((part, n) => part - back[n]);
        return { name, way, square: way.reduce((sum, part) => sum + part * part, 0) };
      });
      for (let at = 0; at < data.length; at += 4) {
        const from = back.map((part, n) => data[at + n] - part);
        if (Math.hypot(...from) < 24) continue;
        found.ink++;
        found.hash = (found.hash * 31 + at + data[at] * 7 + data[at + 1] * 3 + data[at + 2]) % 1_000_003;
        let best = { off: 0.2 };
        for (const { name, way, square } of wanted) {
          const share = from.reduce((sum, part, n) => sum + part * way[n], 0) / square;
          const off = Math.hypot(...from.map((part, n) => part - share * way[n])) / Math.hypot(...from);
          if (share > 0.1 && off < best.off) best = { off, name };
        }
        if (best.name) found[best.name]++;
        if (best.name === "syscall") calls.push(at / 4);
      }
      const middle = calls[calls.length >> 1] ?? 0;
      found.syscall_at = [middle % image.width, Math.floor(middle / image.width)];
      return found;
    },
    [picture.toString("base64"), BACK, COLORS],
  );
}

/** The picture, as counts, once it is the same twice and as wanted. */
async function pixels(page, wanted = () => true) {
  const end = Date.now() + PATIENCE;
  let before;
  for (;;) {
    const found = await count(page, await page.locator("#stage").screenshot());
    if (before?.hash === found.hash && wanted(found)) return found;
    if (Date.now() > end) throw new Error(`pixels are not as wanted: ${JSON.stringify(found)}`);
    before = found;
    await new Promise((done) => setTimeout(done, 150));
  }
}

/** What the tools say of the picture. */
const told = (page) => page.locator("#space-tools").evaluate((tools) => ({ ...tools.dataset }));

/** Waits until the tools say so. */
async function tells(page, wanted) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await told(page);
    if (wanted(found)) return found;
    if (Date.now() > end) throw new Error(`not as wanted: ${JSON.stringify(found)}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

/** What frames have cost so far. */
async function measure(page) {
  const before = await told(page);
  const frames = await page.evaluate(async (before) => {
    const tools = document.querySelector("#space-tools");
    delete tools.dataset.frames;
    tools.dispatchEvent(new Event("measure"));
    while (!tools.dataset.frames) await new Promise((done) => setTimeout(done, 10));
    return { ...tools.dataset, before };
  }, before);
  return Object.fromEntries(Object.entries(frames).map(([name, value]) => [name, Number(value)]));
}

describe("goroutines in space", { skip: missing(), concurrency: false }, () => {
  let world;
  let url;
  let trace;
  before(async () => {
    world = new World();
    trace = world.trace("states");
    url = (await world.relay({ args: ["--no-collector"] })).url;
  });
  after(() => world?.end());

  async function open({ hash = "#view=3d", ...options } = {}) {
    const page = await world.page(new URL(`/trace.html${hash}`, url).href, {
      width: 760,
      height: 620,
      colorScheme: "dark",
      reducedMotion: "reduce",
      ...options,
    });
    await page.waitForSelector("body[data-ready]");
    await drop(page, trace);
    await tells(page, ({ now }) => Number(now) > 0);
    await page.locator("#stage").focus();
    return page;
  }
  const finish = async (page) => {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  };

  test("every state has its color, and few quads are enough", async () => {
    const page = await open();
    const found = await pixels(page, ({ ink }) => ink > 3_000);
    for (const name of Object.keys(COLORS)) assert.ok(found[name] > 40, `${name}: ${JSON.stringify(found)}`);
    const { primitives, lines, grouped } = await measure(page);
    assert.ok(primitives > 300 && primitives < 2_000, `${primitives}`);
    assert.ok(lines >= 20 && grouped === 0);
    await finish(page);
  });

  test("keys highlight, widen and hide", async () => {
    const page = await open();
    await page.keyboard.press("n");
    const all = await pixels(page, ({ ink }) => ink > 3_000);
    const less = (a, b, part = 0.6) => a < b * part;
    const pressed = async (key, wanted) => {
      await page.keyboard.press(key);
      return pixels(page, wanted);
    };
    await pressed("1", (now) => less(now.running, all.running) && now.channel > all.channel * 0.9);
    await pressed("2", (now) => less(now.running, all.running) && less(now.channel, all.channel) && now.idle > all.idle);
    await pressed("3", (now) => now.running > all.running * 0.9 && less(now.syscall, all.syscall));
    await pressed("4", (now) => now.message > all.message && less(now.syscall, all.syscall));
    await pressed("0", (now) => now.hash === all.hash);
    await pressed("+", () => true);
    await pressed("+", (now) => now.syscall > all.syscall * 1.2);
    await page.keyboard.press("-");
    await pressed("-", (now) => now.hash === all.hash);
    await pressed("l", (now) => now.hash !== all.hash && now.ink > 2_000);
    assert.equal(await page.locator("#space-row").getAttribute("aria-pressed"), "true");
    await finish(page);
  });

  test("time starts over, stands still, goes faster, and nothing is uploaded meanwhile", async () => {
    const page = await open();
    const whole = await pixels(page, ({ ink }) => ink > 3_000);
    const end = Number((await told(page)).now);
    await page.keyboard.press("r");
    await tells(page, ({ now }) => Number(now) < end / 2);
    const first = await measure(page);
    await tells(page, ({ now }) => Number(now) > end / 20);
    await page.keyboard.press("p");
    await page.waitForFunction(() => document.querySelector("#space-play").ariaPressed === "false");
    const part = await pixels(page);
    const { now } = await told(page);
    assert.ok(Number(now) < end && part.ink < whole.ink, `${now} of ${end}: ${part.ink} of ${whole.ink}`);
    const later = await measure(page);
    assert.ok(later.frames > first.frames);
    assert.equal(later.uploaded, first.uploaded);
    assert.equal((await told(page)).now, now);
    const slow = await page.locator("#space-speed").textContent();
    await page.keyboard.press("f");
    await page.waitForFunction((slow) => document.querySelector("#space-speed").textContent !== slow, slow);
    await page.keyboard.press("s");
    await page.waitForFunction((slow) => document.querySelector("#space-speed").textContent === slow, slow);
    await page.keyboard.press("p");
    await tells(page, (found) => Number(found.now) > Number(now));
    await finish(page);
  });

  test("it plays by itself, unless the reader wants calm", async () => {
    const page = await open({ reducedMotion: "no-preference" });
    await page.waitForFunction(() => document.querySelector("#space-play").ariaPressed === "true");
    await finish(page);
  });

  test("the scrubber moves time, and dragging turns", async () => {
    const page = await open();
    const whole = await pixels(page, ({ ink }) => ink > 3_000);
    const end = Number((await told(page)).now);
    await page.locator("#space-scrubber").fill("500");
    await tells(page, ({ now }) => Math.abs(Number(now) - end / 2) < end / 100);
    const half = await pixels(page, ({ ink }) => ink < whole.ink);
    const { x, y, width, height } = await page.locator("#stage").boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + 120, y + height / 2 + 20, { steps: 4 });
    await page.mouse.up();
    await pixels(page, ({ hash, ink }) => hash !== half.hash && ink > 1_000);
    await page.mouse.wheel(0, -400);
    const { hash } = await tells(page, ({ hash }) => /eye=/.test(hash));
    await page.keyboard.press("Home");
    await tells(page, (found) => found.hash !== hash && !/eye=/.test(found.hash));
    await finish(page);
  });

  test("a line is chosen by a click, and its details are told", async () => {
    const page = await open();
    await page.keyboard.press("n");
    const { syscall_at } = await pixels(page, ({ ink }) => ink > 2_000);
    const { x, y } = await page.locator("#stage").boundingBox();
    await page.mouse.move(x + syscall_at[0], y + syscall_at[1]);
    await page.waitForFunction(() => /system call/.test(document.querySelector("#hover").textContent));
    await page.mouse.down();
    await page.mouse.up();
    await page.locator("#detail h2").waitFor();
    assert.match(await page.locator("#detail h2").textContent(), /main\./);
    assert.match(await page.locator("#detail-state").textContent(), /system call/i);
    await page.locator("#stage").focus();
    await page.keyboard.press("Escape");
    await page.locator("#detail").waitFor({ state: "hidden" });
    await finish(page);
  });

  test("the picture is saved as PNG", async () => {
    const page = await open();
    await pixels(page, ({ ink }) => ink > 3_000);
    const [saved] = await Promise.all([
      page.waitForEvent("download"),
      page.locator("#space-picture").click(),
    ]);
    assert.equal(saved.suggestedFilename(), "states.trace.png");
    const bytes = readFileSync(await saved.path());
    assert.deepEqual([...bytes.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const picture = await count(page, bytes);
    const stage = await page.locator("#stage").boundingBox();
    assert.ok(Math.abs(picture.width - stage.width) <= 1 && picture.running > 40, JSON.stringify(picture));
    await finish(page);
  });

  test("a link shows the same again", async () => {
    const page = await open();
    await pixels(page, ({ ink }) => ink > 3_000);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("PageUp");
    await page.keyboard.press("3");
    await page.locator("#space-scrubber").fill("600");
    await page.waitForFunction(() => /eye=.*&now=\d+.*&bright=running/.test(location.hash));
    const before = await pixels(page);
    const { hash } = new URL(page.url());
    const other = await open({ hash });
    const again = await pixels(other, ({ ink }) => ink > 500);
    assert.equal(new URL(other.url()).hash, hash);
    for (const name of ["ink", "running"]) {
      assert.ok(Math.abs(again[name] - before[name]) <= 0.03 * before[name] + 8, `${name}: ${again[name]}, ${before[name]}`);
    }
    await finish(other);
    await finish(page);
  });

  test("without WebGL2 a sentence says so, and the flat view works", async () => {
    const browser = await chromium.launch({
      executablePath: browserPath(),
      // Neither a graphics card nor what stands in for one.
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-software-rasterizer"],
    });
    try {
      const page = await browser.newPage({ colorScheme: "dark" });
      page.setDefaultTimeout(PATIENCE);
      await page.goto(new URL("/trace.html#view=3d", url).href);
      await page.waitForSelector("body[data-ready]");
      await drop(page, trace);
      await page.locator("#space-missing").waitFor();
      assert.match(await page.locator("#space-missing").textContent(), /no WebGL2/);
      assert.ok(await page.locator("#space-tools").isHidden());
      await page.locator("#view-flat").click();
      await page.locator("#space-missing").waitFor({ state: "hidden" });
      await pixels(page, ({ running }) => running > 20);
    } finally {
      await browser.close();
    }
  });
});
