// Execution traces, flat: the page draws one that Go has just recorded, and tells what is in it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PATIENCE, World, drop, missing, root, violations } from "./fixture.mjs";

/** Colors of states on light and on dark, as red, green and blue. */
const RUNNING = { light: [0x00, 0x72, 0xb2], dark: [0x56, 0xb4, 0xe9] };
const CHANNEL = { light: [0xb9, 0xae, 0xdb], dark: [0x5a, 0x4f, 0x85] };
const SLEEP = { light: [0xdf, 0xe3, 0xe8], dark: [0x2b, 0x34, 0x3d] };

/** Pixels of the view's rows that have each of these colors, within a step or two. */
async function count(page, colors) {
  const picture = (await page.locator("#stage").screenshot()).toString("base64");
  return page.evaluate(
    async ([picture, colors]) => {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const top = 70;
      const { data } = context.getImageData(0, top, image.width, image.height - top);
      const near = (at, color) => color.every((part, n) => Math.abs(data[at + n] - part) <= 2);
      return colors.map((color) => {
        let found = 0;
        for (let at = 0; at < data.length; at += 4) if (near(at, color)) found++;
        return found;
      });
    },
    [picture, colors],
  );
}

/** Waits until the picture stands still and has as many pixels of colors as wanted. */
async function pixels(page, colors, wanted) {
  const end = Date.now() + PATIENCE;
  let before;
  for (;;) {
    const found = await count(page, colors);
    if (wanted(...found) && `${found}` === `${before}`) return found;
    if (Date.now() > end) throw new Error(`pixels are not as wanted: ${found}`);
    before = found;
    await new Promise((done) => setTimeout(done, 100));
  }
}

const text = (page, selector) => page.locator(selector).textContent();

/** Waits until an element's text fits. */
async function says(page, selector, pattern) {
  await page.waitForFunction(
    ([selector, source]) =>
      new RegExp(source).test(document.querySelector(selector)?.textContent ?? ""),
    [selector, pattern.source],
  );
}

describe("an execution trace", { skip: missing(), concurrency: false }, () => {
  let world;
  let url;
  let trace;

  before(async () => {
    world = new World();
    trace = world.trace("traced");
    url = (await world.relay({ args: ["--no-collector"] })).url;
  });
  after(() => world?.end());

  async function open(options = {}, hash = "") {
    const page = await world.page(new URL(`/trace.html${hash}`, url).href, options);
    await page.waitForSelector("body[data-ready]");
    await drop(page, trace);
    await says(page, "#status", /goroutines/);
    return page;
  }

  for (const theme of ["light", "dark"]) {
    test(`is drawn in its colors, and can be used by all (${theme})`, async () => {
      const page = await open({ colorScheme: theme });
      const colors = [RUNNING[theme], CHANNEL[theme], SLEEP[theme]];
      await pixels(page, colors, (...found) => found.every((count) => count > 500));
      await page.keyboard.press("Tab");
      await page.locator("#tab-functions").click();
      await says(page, "#table", /main\.worker/);
      await page.locator("#table .link", { hasText: "main.stuck" }).first().click();
      await says(page, "#shown", /^1 of /);
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(page.complaints, []);
    });
  }

  test("is searched and filtered", async () => {
    const page = await open();
    await says(page, "#shown", /^\d+ goroutines/);
    await page.locator("#stage").focus();
    await page.keyboard.press("/");
    await page.keyboard.type("worker");
    await says(page, "#shown", /^3 of \d+ goroutines/);
    await page.locator("#search").fill("");
    await page.locator("#shades button", { hasText: "Sleep" }).click();
    await says(page, "#shown", /^2 of \d+ goroutines/);
    await pixels(page, [SLEEP.light], (sleep) => sleep > 500);
    await page.locator("#shades button", { hasText: "Sleep" }).click();
    await page.locator("#region").selectOption("work");
    await says(page, "#shown", /^3 of \d+ goroutines/);
    assert.match(new URL(page.url()).hash, /region=work/);
    assert.deepEqual(page.complaints, []);
  });

  test("tells the calls of a slice, who woke it, and goes there", async () => {
    const page = await open({}, "#q=stuck");
    await says(page, "#shown", /^1 of /);
    await pixels(page, [CHANNEL.light], (channel) => channel > 500);
    const stage = await page.locator("#stage").boundingBox();
    await page.mouse.move(stage.x + stage.width * 0.9, stage.y + 78);
    await says(page, "#hover", /main\.stuck #\d+waiting: chan receive/);
    await page.mouse.click(stage.x + stage.width * 0.9, stage.y + 78);
    await says(page, "#calls", /main\.stuck.*main\.go:\d+/);
    await says(page, "#woken", /waits to the end of the trace/);
    await says(page, "#facts", /never ends/);
    await page.locator("#facts .link:not(.at)").click();
    await says(page, "#detail h2", /^main\.main|^runtime\.main/);

    await page.locator("#search").fill("worker");
    await page.locator("#tab-logs").click();
    await says(page, "#table", /number 7/);
    await page.locator("#table tbody .link").first().click();
    await says(page, "#detail h2", /main\.worker/);
    await says(page, "#facts", /Regionswork/);
    await says(page, "#woken", /send at .*Waker atmain\.run.*Waiting atmain\.worker/);
    const number = await text(page, "#number");
    await page.locator("#stage").focus();
    await page.keyboard.press("]");
    await page.waitForFunction(
      (number) => document.querySelector("#number").textContent !== number,
      number,
    );
    await page.keyboard.press("Escape");
    await page.waitForSelector("#detail", { state: "hidden" });
    assert.deepEqual(page.complaints, []);
  });

  test("names what is never woken, with its line", async () => {
    const page = await open();
    await page.locator("#tab-stuck").click();
    await says(page, "#table", /main\.stuckwaiting: chan receive.*main\.go:\d+/);
    await page.locator("#tab-places").click();
    await says(page, "#table", /main\.go:\d+main\.worker.*chan receive/);
    await page.locator("#table th button", { hasText: "Times" }).click();
    await page.waitForSelector("#table th[aria-sort=descending]:nth-child(4)");
    await page.locator("#tab-tasks").click();
    await says(page, "#table", /batch/);
    assert.deepEqual(page.complaints, []);
  });

  test("is zoomed and moved by keys, wheel and pointer, and the address keeps it", async () => {
    const page = await open();
    const colors = [RUNNING.light, CHANNEL.light];
    const whole = await pixels(page, colors, (running) => running > 500);
    await page.locator("#stage").focus();
    for (const key of ["+", "+", "ArrowRight", "Shift+ArrowUp"]) await page.keyboard.press(key);
    await page.waitForFunction(() => /t=\d+,\d+/.test(location.hash));
    const near = await pixels(page, colors, (...found) => `${found}` !== `${whole}`);
    const link = new URL(page.url()).hash;

    const again = await open({}, link);
    await pixels(again, colors, (...found) =>
      found.every((count, at) => Math.abs(count - near[at]) < 200),
    );
    assert.deepEqual(again.complaints, []);

    const stage = await page.locator("#stage").boundingBox();
    await page.mouse.move(stage.x + stage.width / 2, stage.y + 200);
    await page.mouse.wheel(0, 400);
    await page.keyboard.press("f");
    await page.waitForFunction(() => !/t=/.test(location.hash));
    await page.mouse.move(stage.x + 500, stage.y + 80);
    await page.keyboard.down("Shift");
    await page.mouse.down();
    await page.mouse.move(stage.x + 700, stage.y + 82, { steps: 3 });
    await page.mouse.up();
    await page.keyboard.up("Shift");
    await page.waitForFunction(() => /t=\d+,\d+/.test(location.hash));
    await page.keyboard.press("Home");
    await page.waitForFunction(() => /t=0,\d+/.test(location.hash));
    await page.mouse.move(stage.x + 900, stage.y + 90);
    await page.mouse.down();
    await page.mouse.move(stage.x + 700, stage.y + 90, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => /t=[1-9]\d*,\d+/.test(location.hash));
    assert.equal(await page.locator("#detail").isHidden(), true);
    assert.deepEqual(page.complaints, []);
  });

  test("is zoomed by two fingers", async () => {
    const page = await open({ hasTouch: true });
    const stage = await page.locator("#stage").boundingBox();
    const devtools = await page.context().newCDPSession(page);
    const touch = (type, ...places) =>
      devtools.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: places.map((x, id) => ({ x: stage.x + x, y: stage.y + 150, id })),
      });
    await touch("touchStart", 600, 700);
    for (let step = 1; step <= 5; step++) await touch("touchMove", 600 - 30 * step, 700 + 30 * step);
    await touch("touchEnd");
    await page.waitForFunction(() => /t=\d+,\d+/.test(location.hash));
    assert.equal(await page.locator("#detail").isHidden(), true);
    assert.deepEqual(page.complaints, []);
  });

  test("is grouped by function, and unfolded", async () => {
    const page = await open({}, "#order=function&q=worker");
    await says(page, "#shown", /^3 of /);
    const stage = await page.locator("#stage").boundingBox();
    await page.mouse.move(stage.x + 600, stage.y + 78);
    await says(page, "#hover", /main\.worker × 3/);
    const folded = await pixels(page, [RUNNING.light], (running) => running > 100);
    await page.locator("#stage").focus();
    await page.keyboard.press("e");
    await pixels(page, [RUNNING.light], (running) => running > folded[0]);
    assert.deepEqual(page.complaints, []);
  });

  test("that is none is refused with a reason", async () => {
    const page = await world.page(new URL("/trace.html", url).href);
    await page.waitForSelector("body[data-ready]");
    await drop(page, join(root, "tests/programs/traced/main.go"));
    await says(page, "#failed", /cannot read main\.go: /);
    assert.deepEqual(page.complaints, []);
  });
});
