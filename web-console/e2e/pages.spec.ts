import { enter, expect, test } from './stack.ts';

test('the keyboard alone: palette, menu, dialog', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/`);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('models');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/models$/);
  await page.goto(`${stack.url}/providers`);
  await page.getByRole('button', { name: 'Actions for main' }).first().focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(page.getByRole('button', { name: 'Actions for main' }).first()).toBeFocused();
});

test('a first load within its budget', async ({ page, stack, context }) => {
  await enter(context, stack);
  let bytes = 0;
  const client = await context.newCDPSession(page);
  await client.send('Network.enable');
  const own = new Set<string>();
  client.on('Network.responseReceived', (e) => {
    const path = new URL(e.response.url).pathname;
    if (!path.startsWith('/api/')) own.add(e.requestId);
  });
  client.on('Network.loadingFinished', (e) => {
    if (own.has(e.requestId)) bytes += e.encodedDataLength;
  });
  await page.goto(`${stack.url}/`);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await expect(page.locator('main [role=status][aria-label]')).toHaveCount(0);
  await page.waitForLoadState('load');
  console.log(`first load: ${Math.round(bytes / 1024)} KiB`);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThanOrEqual(250 * 1024);
});
