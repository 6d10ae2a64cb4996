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

test('a call and why it went there', async ({ page, stack, context }) => {
  await enter(context, stack);
  await stack.call(FILE_KEY, 'broken');
  await page.goto(`${stack.url}/monitoring/requests?app=team&failed=true`);
  await page.locator('tr[data-call] a').first().click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('main/broken').first()).toBeVisible();
  await expect(dialog.getByText('the model is on fire').first()).toBeVisible();
  await expect(page).toHaveURL(/call=/);
  await page.goBack();
  await expect(dialog).toBeHidden();
});

test('the log as it is written', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/monitoring/logs?process=main`);
  await expect(page.getByRole('heading', { name: 'Logs' })).toBeVisible();
  await stack.ask('POST', '/providers/main/restart');
  await expect(page.getByRole('log')).toContainText(/ready|sandbox|generation/i, { timeout: 15_000 });
});
