// The recorded examples that come with the page of traces.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { World, missing, root } from "./fixture.mjs";

/** Waits until the status line speaks of a trace; gives the line. */
async function opened(page, name) {
  const status = page.locator("#status", { hasText: `${name}.trace` });
  await status.waitFor();
  return status.textContent();
}

describe("the gallery of traces", { skip: missing(), concurrency: false }, () => {
  let world;
  let url;
  before(async () => {
    world = new World();
    const relay = await world.relay({ args: ["--no-collector"] });
    url = new URL("/trace.html", relay.url).href;
  });
  after(() => world?.end());

  test("each link of the list leads to a recording", async () => {
    const page = await world.page(url);
    const links = page.locator("#gallery a");
    await links.first().waitFor();
    const names = await links.evaluateAll((all) => all.map((link) => link.search.replace("?gallery=", "")));
    assert.equal(names.length, 10);
    for (const name of names) {
      const answer = await fetch(new URL(`/gallery/${name}.trace`, url));
      const bytes = Buffer.from(await answer.arrayBuffer());
      assert.deepEqual(bytes, readFileSync(join(root, "static/gallery", `${name}.trace`)), name);
    }
    assert.deepEqual(page.complaints, []);
  });

  test("a click opens one, and the address leads back to it", async () => {
    const page = await world.page(url);
    await page.locator("body[data-ready]").waitFor();
    await page.locator("#gallery a", { hasText: "deadlock" }).click();
    const told = await opened(page, "deadlock");
    assert.match(told, /14 goroutines/);
    assert.equal(new URL(page.url()).search, "?gallery=deadlock");
    assert.equal(await page.locator("#gallery").isVisible(), false);
    await page.reload();
    assert.equal(await opened(page, "deadlock"), told);
    assert.deepEqual(page.complaints, []);
  });

  test("an address that names no recording is refused in a sentence", async () => {
    const page = await world.page(`${url}?gallery=nothing`);
    const failed = page.locator("#failed p", { hasText: "cannot read nothing.trace" });
    await failed.waitFor();
    // Nothing else of the server can be asked for.
    const other = await world.page(`${url}?gallery=../api/v1/services`);
    await other.locator("body[data-ready]").waitFor();
    assert.equal(await other.locator("#failed").isVisible(), false);
    assert.deepEqual(page.complaints, []);
  });
});
