import { enter, expect, FILE_KEY, test, until } from './stack.ts';

test('a live page outlives its router', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/monitoring/requests`);
  await expect(page.locator('[data-live=live]')).toBeVisible();
  await stack.call(FILE_KEY, 'quick');
  await expect(page.locator('tr[data-call]').first()).toContainText('team');

  // The mark may stand for less time than a look takes: it is noted as it appears.
  await page.evaluate(() => {
    const seen = ((window as unknown as { marks: string[] }).marks = []) as string[];
    new MutationObserver(() => {
      const mark = document.querySelector('[data-live]')?.getAttribute('data-live');
      if (mark && seen.at(-1) !== mark) seen.push(mark);
    }).observe(document.body, { childList: true, subtree: true, attributes: true });
  });
  const before = await stack.routerPid();
  process.kill(before, 'SIGKILL');
  await until(async () => (await stack.routerPid()) !== before, () => 'no new router');
  await until(async () => (await page.evaluate(() => (window as unknown as { marks: string[] }).marks)).includes('stale'), () => 'the page never said that it was stale');
  await expect(page.locator('[data-live=live]')).toBeVisible({ timeout: 15_000 });

  const rows = await page.locator('tr[data-call]').count();
  await stack.call(FILE_KEY, 'broken');
  await expect.poll(() => page.locator('tr[data-call]').count()).toBeGreaterThan(rows);
});

test('the log as it is written', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/monitoring/logs?process=main`);
  const lines = page.getByRole('log').getByText('sandbox entered');
  await expect(lines).not.toHaveCount(0);
  const before = await lines.count();
  await stack.ask('POST', '/providers/main/restart');
  await expect(lines).toHaveCount(before + 1);
});

test('what others do is there without a reload, and who did it', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/providers`);
  await expect(page.locator('[data-live=live]')).toBeVisible();
  const row = page.locator('tr[data-provider=main]');
  await expect(row.getByText('Ready')).toBeVisible();
  // Without calls a drain is over before anybody has looked.
  const stream = await stack.call(FILE_KEY, 'slow', true);
  const reading = stream.text();
  await expect(row.locator('[data-cell=in-flight]')).toHaveText('1');
  let began = Date.now();
  await stack.ask('POST', '/providers/main/drain', {});
  await expect(row.getByText('Draining')).toBeVisible();
  const drained = Date.now() - began;
  began = Date.now();
  await stack.ask('POST', '/providers/main/resume');
  await expect(row.getByText('Ready')).toBeVisible();
  console.log(`draining was seen after ${drained} ms, ready again after ${Date.now() - began} ms`);
  expect(await reading).toContain('[DONE]');
  await page.goto(`${stack.url}/providers/main`);
  await expect(page.getByText(/by ada/).first()).toBeVisible();
});
