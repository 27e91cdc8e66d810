// Opens the page in Chromium without a window and shows what it shows, until so many notifications have come:
// node browser.mjs URL USER COUNT

import puppeteer from "puppeteer-core";

const [url, user, count] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Its own sandbox needs rights that a container does not have.
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
try {
  const page = await browser.newPage();
  await page.goto(`${url}/?user=${user}`);
  await page.waitForFunction(() => document.getElementById("state").textContent.startsWith("connected"));
  console.log(`the page is ${await page.$eval("#state", (state) => state.textContent)}`);
  for (let shown = 1; shown <= Number(count); shown++) {
    const item = await page.waitForSelector(`#notifications li:nth-child(${shown})`);
    console.log(`the page shows: ${await item.evaluate((node) => node.textContent)}`);
  }
} finally {
  await browser.close();
}
