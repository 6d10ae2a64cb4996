import { enter, expect, FILE_KEY, test, until } from './stack.ts';

test('why a provider that is ready is held back, and that it no longer is', async ({ page, stack, context }) => {
  test.setTimeout(120_000);
  await stack.ask('POST', '/providers', { spec: { name: 'loop', preset: 'demo' } });
  await until(async () => (await stack.provider('loop')).status?.state === 'ready', () => 'the demo is not ready');
  await enter(context, stack);
  await page.goto(`${stack.url}/providers/loop`);
  // Loops that nothing explains, and calls that they would be in the way of.
  let running = true;
  const callers = ['loop/demo-spin=200', 'loop/demo-spin=200', 'main/quick'].map(async (model) => {
    while (running) await stack.call(FILE_KEY, model);
  });
  // Among the events it stays.
  const reason = page.locator('div').filter({ hasText: /^held back: it takes a whole processor[^\n]*$/ });
  await expect(reason).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('Ready', { exact: true }).first()).toBeVisible();
  running = false;
  await Promise.all(callers);
  await expect(reason).toBeHidden({ timeout: 30_000 });
});
