// Ways into the offline page, and what they meet: addresses, folders of thousands of files, a web
// server without a relay, and sources of another version.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { World, drop, finish, lineThat, missing, opened, state } from "./fixture.mjs";

const PROFILE = "mode: count\nexample.com/a/a.go:3.10,5.2 2 7\nexample.com/a/b.go:3.12,4.2 1 0\n";

/** A program of WebAssembly whose memory can't grow by more than so many pages of 64 KB. */
function withLittleMemory(program, morePages) {
  const MEMORY = 5;
  /** A number of seven bits a byte, and where the next one starts. */
  const number = (at) => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = program[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return [value, at];
    }
  };
  const bytes = (value) =>
    value < 128 ? [value] : [(value & 127) | 128, ...bytes(Math.floor(value / 128))];
  for (let at = 8; at < program.length; ) {
    const [length, start] = number(at + 1);
    if (program[at] === MEMORY) {
      const [pages] = number(start + 2);
      // One memory, with a limit.
      const section = [1, 1, ...bytes(pages), ...bytes(pages + morePages)];
      const head = [MEMORY, ...bytes(section.length), ...section];
      return Buffer.concat([program.subarray(0, at), Buffer.from(head), program.subarray(start + length)]);
    }
    at = start + length;
  }
  throw new Error("the program has no memory");
}

describe("ways into the offline page", { skip: missing(), concurrency: false }, () => {
  let world;
  let host;
  before(async () => {
    world = new World();
    host = await world.host({
      "/cover.out": PROFILE,
      "/some%20folder/ci.out": PROFILE.replace("count", "set"),
      "/notes.md": "# Notes\n",
    });
  });
  after(() => world?.end());

  const open = async (path = "/") => {
    const page = await world.page(host.url + path);
    await state(page);
    return page;
  };
  const unread = async (page) => {
    const line = page.locator(".unread li").first();
    await line.waitFor();
    return line.textContent();
  };

  test("an address opens a profile of the page's own origin", async () => {
    const page = await open("/?url=cover.out");
    const found = await opened(page);
    assert.deepEqual([found.statementsCovered, found.statementsTotal], [2, 3]);
    await page.locator(".opened .process", { hasText: "cover.out" }).waitFor();
    await finish(page);
    const other = await open(`/?x=1&url=${encodeURIComponent(`${host.url}/some%20folder/ci.out`)}`);
    await opened(other);
    await finish(other);
  });

  test("an address leads to a file and its lines, too", async () => {
    const page = await open("/?url=cover.out#/1/source?f=example.com/a/b.go&L=3");
    const found = await opened(page);
    assert.match(found.route, /f=example\.com\/a\/b\.go&L=3/);
    await lineThat(page, 3, (line) => line.status === "uncovered");
    await finish(page);
  });

  test("an address that leads nowhere says why", async () => {
    for (const [address, reason] of [
      ["nowhere.out", /^nowhere\.out: the server answered 404$/],
      ["notes.md", /^notes\.md: .*expected one of Go text profile/],
      ["/", /expected one of Go text profile/],
      ["https://example.com/cover.out", /^https:\/\/example\.com\/cover\.out: only addresses of this page's own origin can be opened$/],
      [`${host.url.replace(/\d+$/, "1")}/cover.out`, /own origin can be opened$/],
      ["http://", /^http:\/\/: no address$/],
    ]) {
      const page = await open(`/?url=${encodeURIComponent(address)}`);
      assert.match(await unread(page), reason, address);
      assert.equal((await state(page)).units, 0);
      await finish(page);
    }
  });

  test("a folder of thousands of files says how far it is, can be cancelled, and opens", async () => {
    const folder = join(world.folder, "thousands");
    let n_units = 0;
    for (let i = 0; i < 3_000; i++) {
      const inside = join(folder, `d${i % 7}`, `e${i % 11}`, `f${i % 3}`);
      mkdirSync(inside, { recursive: true });
      // One in sixty is a profile; the others are what folders are full of.
      const text = i % 60 === 0 ? `mode: set\nexample.com/m/p${i}/a.go:1.1,2.2 1 1\n` : `note ${i}\n`;
      writeFileSync(join(inside, `${i}.out`), text);
      n_units += i % 60 === 0 ? 1 : 0;
    }
    const page = await world.page("about:blank");
    // Holds what the browser says of folders back until it is let go.
    await page.addInitScript(() => {
      const waiting = [];
      let calls = 0;
      let free = false;
      const get = DataTransferItem.prototype.webkitGetAsEntry;
      DataTransferItem.prototype.webkitGetAsEntry = function () {
        const entry = get.call(this);
        if (!entry?.isDirectory || calls > 0) return entry;
        // What readers have in common has no name of its own in every browser.
        const readers = Object.getPrototypeOf(entry.createReader());
        const read = readers.readEntries;
        readers.readEntries = function (...answers) {
          const ask = () => read.apply(this, answers);
          if (free || ++calls < 20) ask();
          else waiting.push(ask);
        };
        return entry;
      };
      window.letGo = () => {
        free = true;
        waiting.splice(0).forEach((ask) => ask());
      };
    });
    await page.goto(host.url);
    await state(page);
    await drop(page, folder);
    await page.locator("#opening span", { hasText: /^Looking through folders: \d+ files$/ }).waitFor();
    await page.locator("#opening").getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Cancelled: nothing of it was opened").waitFor();
    await page.evaluate(() => window.letGo());
    // What comes next is read all the same, and nothing of what was cancelled.
    const single = join(world.folder, "single.out");
    writeFileSync(single, PROFILE);
    await drop(page, single);
    await opened(page, (found) => found.units === 2);
    await state(page, (found) => !found.reading);
    assert.equal(await page.locator("li.opened").count(), 1);
    assert.equal(await page.locator("#opening").isVisible(), false);
    // All of it, this time, by the way of the keyboard.
    await page.locator("#open-folder").setInputFiles(folder);
    await state(page, (found) => !found.reading && found.units === 1);
    assert.equal(await page.locator("li.opened").count(), 1 + n_units);
    await finish(page);
  });

  test("without a relay, the page says so and no longer asks for one", async () => {
    const page = await open();
    const single = join(world.folder, "alone.out");
    writeFileSync(single, PROFILE);
    const tried = () => host.asked.filter((path) => path === "/ws").length;
    await page.getByText("No relay answers at this address").waitFor();
    await page.locator(".pill", { hasText: "No relay" }).waitFor();
    const before = tried();
    await drop(page, single);
    await opened(page);
    assert.equal(tried(), before);
    assert.equal((await state(page)).link, "lost");
    await page.getByRole("button", { name: "Retry now" }).click();
    await state(page, (found) => found.link === "connecting" || tried() > before);
    await state(page, (found) => found.link === "lost");
    assert.equal(tried(), before + 1);
    await finish(page);
  });

  test("files that nest without end are refused in a sentence, and the page lives on", async () => {
    const page = await open();
    const deep = 200_000;
    const files = {
      "deep.json": `{"gcovr/format_version":"0.6","files":[{"file":"a","lines":[{"x":${"[".repeat(deep)}`,
      "wrapped.json": `{"a.js":${'{"data":'.repeat(deep)}{"statementMap":{}`,
      "deep.xml": `<coverage line-rate="1"><packages>${"<package>".repeat(deep)}`,
    };
    // What says what a file is stands in its first bytes.
    files["wrapped.json"] = files["wrapped.json"].replace('{"a.js":', '{"b.js":{"statementMap":{}},"a.js":');
    for (const [name, text] of Object.entries(files)) {
      const path = join(world.folder, name);
      writeFileSync(path, text);
      await drop(page, path);
      const line = page.locator(".unread li", { hasText: name });
      await line.waitFor();
      assert.match(await line.textContent(), /line 1, column \d+: .*(recursion limit exceeded|nest too deep)/);
    }
    const path = join(world.folder, "after.out");
    writeFileSync(path, PROFILE);
    await drop(page, path);
    await opened(page);
    await finish(page);
  });

  test("a reader that has no memory left is said to have stopped, and the page lives on", async () => {
    const page = await open();
    const good = join(world.folder, "first.out");
    writeFileSync(good, PROFILE);
    await drop(page, good);
    await opened(page);
    // From here on the reader's program may have little more memory than it starts with.
    await page.context().route(/worker.*\.wasm$/, async (route) => {
      const whole = await route.fetch();
      await route.fulfill({ response: whole, body: withLittleMemory(await whole.body(), 160) });
    });
    // What does not even fit in is refused; what does, but not what becomes of it, ends the reader.
    const large = join(world.folder, "large.out");
    writeFileSync(large, `mode: count\n${"example.com/a/a.go:1.1,2.2 1 1\n".repeat(600_000)}`);
    await drop(page, large);
    await page.locator(".unread li", { hasText: "too little memory in this browser" }).waitFor();
    const dense = join(world.folder, "dense.json");
    writeFileSync(dense, `{"coverage":{"a.c":[${"1,".repeat(2_000_000)}1]}}`);
    await drop(page, dense);
    await page.getByText("the reader stopped; what was open is still here").waitFor();
    await page.context().unroute(/worker.*\.wasm$/);
    assert.equal((await state(page)).statementsTotal, 3);
    const next = join(world.folder, "next.out");
    writeFileSync(next, PROFILE.replace("count", "set"));
    await drop(page, next);
    await page.locator(".opened .process", { hasText: "next.out" }).waitFor();
    // The browser itself tells of the program that ended.
    page.complaints = page.complaints.filter((text) => !/unreachable|panicked|memory|alloc/i.test(text));
    await finish(page);
  });

  test("a source of another version is shown with a warning", async () => {
    const folder = join(world.folder, "sources");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "go.mod"), "module example.com/a\n");
    writeFileSync(join(folder, "a.go"), "package a\n\nfunc A() {\n\tprintln(1)\n}\n");
    // Its function ends where the profile's has yet to begin.
    writeFileSync(join(folder, "b.go"), "package a\n\nfunc B(){\n}\n");
    const page = await open("/?url=cover.out");
    await opened(page);
    await drop(page, folder);
    await page.getByRole("treeitem", { name: /^a\.go\b/ }).click();
    await lineThat(page, 4, (line) => line.text === "println(1)");
    const banner = page.locator(".source .banner");
    assert.equal(await banner.isVisible(), false);
    await page.getByRole("treeitem", { name: /^b\.go\b/ }).click();
    await page.getByText("This source is of another version than the counts").waitFor();
    await lineThat(page, 3, (line) => line.text === "func B(){");
    await page.getByRole("treeitem", { name: /^a\.go\b/ }).click();
    await banner.waitFor({ state: "hidden" });
    await finish(page);
  });
});
