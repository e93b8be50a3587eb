// Traces and the source of their program: functions of a goroutine, goroutines of a line, and how
// often lines ran.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PATIENCE, World, drop, missing, opened, root, violations } from "./fixture.mjs";

const SOURCE = readFileSync(join(root, "tests/programs/gallery/workers/main.go"), "utf8");
const TRACE = join(root, "static/gallery/workers.trace");

/** The number of the line with a text. */
function number(text) {
  const at = SOURCE.split("\n").findIndex((line) => line.includes(text));
  assert.ok(at >= 0, text);
  return at + 1;
}

/** Waits until an element's text fits. */
async function says(page, selector, pattern) {
  await page.locator(selector).filter({ hasText: pattern }).first().waitFor();
}

describe("a trace joined to its source", { skip: missing(), concurrency: false }, () => {
  let world;
  let url;
  let profile;
  const sleep = number("time.Sleep(job)");
  const sends = number("jobs <- time");

  before(async () => {
    world = new World();
    url = (await world.relay({ args: ["--no-collector"] })).url;
    // As from another folder than the one that the trace names.
    const unit = (text, count) => `example.com/gallery/workers/main.go:${number(text)}.2,${number(text)}.40 1 ${count}\n`;
    profile = world.files({
      "cover/cover.out": `mode: count\n${unit("time.Sleep(job)", 36)}${unit("jobs <- time", 0)}`,
      "cover/example.com/gallery/workers/main.go": SOURCE,
    }).cover;
  });
  after(() => world?.end());

  async function workers(options = {}, hash = "") {
    const page = await world.page(new URL(`/trace.html?gallery=workers${hash}`, url).href, options);
    await says(page, "#status", /goroutines/);
    return page;
  }

  /** Chooses a worker in a document of traces, at the line where it sleeps. */
  async function choose(document) {
    await document.locator("#tab-executed").click();
    await document.locator("#table .link", { hasText: /^main\.work$/ }).click();
    await says(document, "#site", /^12 of \d+ goroutines had main\.work in a stack/);
    await document.locator("#table tbody .link").first().click();
    await document.locator("#ran .at", { hasText: `main.go:${sleep}` }).waitFor();
  }

  for (const theme of ["light", "dark"]) {
    test(`tells who was at a line and what a goroutine was in (${theme})`, async () => {
      const page = await workers({ colorScheme: theme });
      await choose(page);
      assert.equal(await page.locator("#table tbody tr").count(), 12);
      await says(page, "#table-hint", /has them where a goroutine waits/);
      const ran = page.locator("#ran > li", { has: page.locator(".ran", { hasText: /^main\.work$/ }) });
      await says(page, "#ran small", /\d+×, .* s to .* s/);
      assert.match(await ran.textContent(), new RegExp(`main\\.go:${sleep} \\d+×`));
      assert.deepEqual(await violations(page), []);

      // From a line to all that were there.
      await ran.locator(".at", { hasText: `main.go:${sleep}` }).click();
      await says(page, "#site", new RegExp(`^12 of \\d+ goroutines had main\\.go:${sleep} in a stack`));
      await says(page, "#shown", /^12 of \d+ goroutines/);
      const stacks = await page.locator("#table tbody tr td:nth-child(3)").allTextContents();
      assert.equal(stacks.map(Number).reduce((a, b) => a + b), 36);
      await page.waitForFunction(() => /at=gallery\/workers\/main\.go:\d+/.test(decodeURIComponent(location.hash)));
      const link = new URL(page.url()).hash;
      assert.deepEqual(await violations(page), []);

      const again = await workers({ colorScheme: theme }, link);
      await says(again, "#site", new RegExp(`main\\.go:${sleep}`));
      await again.locator("#view-space").click();
      await says(again, "#site", /^12 of/);
      await again.locator("#site button").click();
      await again.locator("#site").waitFor({ state: "hidden" });
      assert.deepEqual([page.complaints, again.complaints], [[], []]);
    });
  }

  test("has what is not at a line pale in space", async () => {
    const page = await workers({}, "#view=3d&now=100000000");
    await page.locator("#space-tools").waitFor();
    // Pixels that are not as light as the ground.
    const count = async () => {
      const picture = (await page.locator("#stage").screenshot()).toString("base64");
      return page.evaluate(async (picture) => {
        const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
        const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
        const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, image.width, image.height);
        let found = 0;
        for (let at = 0; at < data.length; at += 4) {
          if (Math.max(data[at], data[at + 1], data[at + 2]) < 215) found++;
        }
        return found;
      }, picture);
    };
    const settled = async (wanted) => {
      const end = Date.now() + PATIENCE;
      let before;
      for (;;) {
        const found = await count();
        if (found === before && wanted(found)) return found;
        if (Date.now() > end) throw new Error(`pixels are not as wanted: ${found}`);
        before = found;
        await new Promise((done) => setTimeout(done, 200));
      }
    };
    const all = await settled((count) => count > 5_000);
    // Only main was there.
    await page.evaluate((line) => (location.hash += `&at=main.go:${line}`), sends);
    await says(page, "#site", /^1 of/);
    await settled((count) => count > 500 && count < all * 0.6);
    assert.deepEqual(page.complaints, []);
  });

  test("has counts of what is open in the page, and leads there from the page's source", async () => {
    const page = await world.page(url);
    await page.waitForFunction(() => window.coverglass?.getState());
    await drop(page, profile);
    await opened(page, (found) => found.units === 2);
    await drop(page, TRACE);
    const frame = page.frameLocator("iframe[title=Goroutines]");
    await frame.locator("#status", { hasText: /goroutines/ }).waitFor();
    await choose(frame);
    const line = (text) => frame.locator(`#detail .source-line[data-line=${text}]`).first();
    await line("covered").waitFor();
    assert.equal(await line("covered").textContent(), "36× time.Sleep(job)");
    // A line that is in a stack and has no count in this profile is uncovered only if it says so.
    assert.equal(await line("uncovered").count(), 0);
    await frame.locator("#site button").click();
    await frame.locator("#search").fill("g1");
    await frame.locator("#tab-executed").click();
    await frame.locator("#table .link", { hasText: /^main\.main$/ }).click();
    await frame.locator("#table tbody .link").first().click();
    await line("uncovered").waitFor();
    assert.match(await line("uncovered").textContent(), /^0× jobs <- time/);

    // Back, and from a line of the source to its goroutines.
    await frame.locator("#back").click();
    await page.locator("iframe").waitFor({ state: "hidden" });
    const box = page.locator("section[aria-label='Goroutines of a trace']");
    await box.locator("[name=trace]", { hasText: "Goroutines of workers.trace" }).waitFor();
    const row = (number) =>
      page.locator(".code .line:not([hidden])", {
        has: page.locator(".number", { hasText: new RegExp(`^${number}$`) }),
      });
    await row(sleep).click();
    await box.locator("[name=line]", { hasText: `Line ${sleep}: 12 goroutines` }).waitFor();
    assert.deepEqual(await violations(page), []);
    await row(number("package main")).click();
    await box.locator("[name=line]", { hasText: "Line 2: in no stack" }).waitFor();
    await row(sends).click();
    await box.locator("[name=line]", { hasText: `Line ${sends}: 1 goroutine` }).click();
    await frame.locator("#site", { hasText: `main.go:${sends}` }).waitFor();
    await page.locator("iframe").waitFor();
    await box.waitFor({ state: "hidden" });

    // A second trace takes the place of the first.
    await frame.locator("#back").click();
    await drop(page, TRACE);
    await page.locator("iframe:visible").waitFor();
    assert.equal(await page.locator("iframe").count(), 1);
    await frame.locator("#status", { hasText: /goroutines/ }).waitFor();
    await frame.locator("#back").click();
    await box.locator("[name=close]").click();
    await page.locator("iframe").waitFor({ state: "detached" });
    assert.equal(await box.count(), 0);

    // A document of its own knows what the page has opened.
    await page.goto(new URL("/trace.html?gallery=workers", url).href);
    await says(page, "#status", /goroutines/);
    await choose(page);
    await says(page, "#ran .source-line", /^36× time\.Sleep\(job\)$/);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
});
