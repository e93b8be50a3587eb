// Values that went through channels: a trace and what the program recorded beside it.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { PATIENCE, World, drop, missing, root, violations } from "./fixture.mjs";

const MESSAGE = { light: [0xb8, 0x3c, 0x82], dark: [0xff, 0x9d, 0xc8] };
const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

const recording = (name) => join(root, "static/gallery", name);
const trace = recording("sieve.trace");

/** How many pixels of the view have a color, within a step or two, and the middle one of them. */
async function pixels(page, color) {
  const picture = (await page.locator("#stage").screenshot()).toString("base64");
  return page.evaluate(
    async ([picture, color]) => {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(image.width, image.height);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, image.width, image.height);
      const found = [];
      for (let at = 0; at < data.length; at += 4) {
        if (color.every((part, n) => Math.abs(data[at + n] - part) <= 2)) found.push(at / 4);
      }
      const middle = found[found.length >> 1] ?? 0;
      return { count: found.length, x: middle % image.width, y: Math.floor(middle / image.width) };
    },
    [picture, color],
  );
}

/** Waits until so many pixels have a color, twice in a row. */
async function shows(page, color, wanted) {
  const end = Date.now() + PATIENCE;
  let before;
  for (;;) {
    const found = await pixels(page, color);
    if (wanted(found.count) && found.count === before) return found;
    if (Date.now() > end) throw new Error(`pixels are not as wanted: ${JSON.stringify(found)}`);
    before = found.count;
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Waits until an element's text fits. */
const says = (page, selector, pattern) =>
  page.waitForFunction(
    ([selector, source]) =>
      new RegExp(source).test(document.querySelector(selector)?.textContent ?? ""),
    [selector, pattern.source],
  );

const BOTH = /sieve\.trace: .* goroutines, .*\d+ messages over 13 channels/;

describe("values that went through channels", { skip: missing(), concurrency: false }, () => {
  let world;
  let url;
  let operations;
  before(async () => {
    world = new World();
    operations = join(world.folder, "sieve.channels");
    writeFileSync(operations, gunzipSync(readFileSync(recording("sieve.channels.gz"))));
    url = (await world.relay({ args: ["--no-collector"] })).url;
  });
  after(() => world?.end());

  async function open(options = {}, address = "") {
    const page = await world.page(new URL(`/trace.html${address}`, url).href, options);
    await page.waitForSelector("body[data-ready]");
    return page;
  }

  for (const theme of ["light", "dark"]) {
    test(`are arrows, once the file is dropped, and told (${theme})`, async () => {
      const page = await open({ colorScheme: theme });
      await drop(page, trace);
      await says(page, "#status", /sieve\.trace: .* wake-ups$/);
      await shows(page, MESSAGE[theme], (count) => count === 0);
      assert.equal(await page.locator("#tab-channels").isVisible(), false);
      await drop(page, operations);
      await says(page, "#status", BOTH);

      // The channel behind the first four primes: few enough messages to be told apart.
      await page.locator("#tab-channels").click();
      await page.locator("#table tbody tr", { hasText: "chan int" }).nth(4).locator(".link").click();
      await says(page, "#only", /Only chan int of main\.go:\d+/);
      const { x, y } = await shows(page, MESSAGE[theme], (count) => count > 300);
      const stage = await page.locator("#stage").boundingBox();
      await page.mouse.move(stage.x + x, stage.y + y);
      await page.waitForSelector("#hover[data-shade=message]");
      await says(page, "#hover", /^\d+chan int of main\.go:\d+from main\.filter #\d+, main\.go:\d+to main\./);
      const value = await page.locator("#hover .title").textContent();
      assert.ok([2, 3, 5, 7].every((prime) => value % prime), value);
      await page.mouse.click(stage.x + x, stage.y + y);
      await says(page, "#passed", /sent, \d+ received/);
      const told = await page.locator("#passed .parcel[data-here] b").allTextContents();
      assert.ok(told.includes(value), `${value} is not among ${told}`);
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(page.complaints, []);
    });
  }

  test("are listed with both ends, and lead there", async () => {
    const page = await open({}, "?gallery=sieve");
    await says(page, "#status", BOTH);
    await page.locator("#search").fill("main.main");
    await says(page, "#shown", /^1 of /);
    await page.locator("#tab-messages").click();
    await says(page, "#table-note", /^12 rows/);
    const values = await page.locator("#table tbody td:nth-child(2)").allTextContents();
    assert.deepEqual(values.map(Number), PRIMES);
    await page.locator("#table tbody .link").first().click();
    await says(page, "#detail h2", /^main\.main|^runtime\.main/);
    await says(page, "#passed", /^0 sent, 12 received/);
    const told = await page.locator("#passed .parcel b").allTextContents();
    assert.deepEqual(told.map(Number), PRIMES);
    await says(page, "#passed", /Received from #\d+.*exact, chan int of main\.go:\d+|exact/);
    await page.locator("#passed .parcel .link").first().click();
    await says(page, "#detail h2", /^main\.count/);
    assert.deepEqual(page.complaints, []);
  });

  test("come by both files at once, in any order", async () => {
    const page = await open();
    await drop(page, operations, trace);
    await says(page, "#status", BOTH);
    const other = await open();
    await other.locator("#file").setInputFiles([trace, recording("sieve.channels.gz")]);
    await says(other, "#status", BOTH);
    const third = await open();
    await drop(third, operations);
    await says(third, "#failed", /sieve\.channels has channel operations: open the trace of the same run, too/);
    await drop(third, trace);
    await says(third, "#status", BOTH);
    await third.locator("#failed").waitFor({ state: "hidden" });
    for (const page of [other, third]) assert.deepEqual(page.complaints, []);
  });

  test("of another run are refused, and nothing is lost", async () => {
    const page = await open();
    await drop(page, trace, recording("pipeline.channels.gz"));
    await says(page, "#failed", /pipeline\.channels\.gz is of another run than sieve\.trace: its operations were /);
    await says(page, "#status", /sieve\.trace: .* wake-ups$/);
    const { broken } = world.files({ broken: "CGCHAN1\0 and nothing more" });
    await drop(page, broken);
    await says(page, "#failed", /cannot read broken: byte 0: this is no file of channel operations/);
    await drop(page, operations);
    await says(page, "#status", BOTH);
    assert.deepEqual(page.complaints, []);
  });

  test("travel in space", async () => {
    const options = { colorScheme: "dark", reducedMotion: "reduce" };
    const plain = await open(options, "#view=3d");
    await drop(plain, recording("pipeline.trace"));
    await plain.locator("#space-tools").waitFor();
    const links = async (page) =>
      page.evaluate(async () => {
        const tools = document.querySelector("#space-tools");
        delete tools.dataset.frames;
        tools.dispatchEvent(new Event("measure"));
        while (!tools.dataset.frames) await new Promise((done) => setTimeout(done, 10));
        return Number(tools.dataset.links);
      });
    const end = Date.now() + PATIENCE;
    const settled = async (page, wanted) => {
      for (;;) {
        const found = await links(page);
        if (wanted(found)) return found;
        if (Date.now() > end) throw new Error(`${found} links`);
        await new Promise((done) => setTimeout(done, 50));
      }
    };
    const before = await settled(plain, (count) => count > 20);
    await drop(plain, recording("pipeline.channels.gz"));
    await says(plain, "#status", /60 messages over 2 channels/);
    // Most values lay in a buffer: nobody had to be woken for them.
    await settled(plain, (count) => count > before);
    assert.deepEqual(plain.complaints, []);
  });
});
