import { enter, expect, test, until } from './stack.ts';

test('a provider through its whole life while calls are running', async ({ page, stack, context }) => {
  test.setTimeout(150_000);
  const key = await stack.addApp('traffic');
  await enter(context, stack);
  await page.goto(`${stack.url}/providers/new`);
  await page.getByLabel('Search presets').fill('openai');
  await page.getByRole('button', { name: 'OpenAI openai', exact: true }).click();
  await page.getByLabel('Name', { exact: true }).fill('second');
  await page.getByLabel('Address').fill(stack.upstream.url);
  await page.getByLabel('API key').fill('sk-good');
  await page.getByRole('button', { name: 'Create and test' }).click();
  await expect(page).toHaveURL(/\/providers\/second$/, { timeout: 20_000 });
  await stack.ask('PUT', '/apps/traffic/route', { route: { candidates: [{ provider: 'second' }] } });

  // Calls the whole time; none may fail while the provider is changed.
  let running = true;
  const failures: string[] = [];
  let answered = 0;
  const traffic = (async () => {
    while (running) {
      const response = await stack.call(key, 'quick');
      if (response.ok) answered += 1;
      else failures.push(`${response.status} ${await response.text()}`);
    }
  })();

  const cell = (name: string) => page.locator(`[data-cell=${name}]`);

  // Test: the steps with the real texts.
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(page.getByRole('dialog').getByText('It works')).toBeVisible();
  await page.keyboard.press('Escape');

  // Key: blue-green.
  await page.getByRole('link', { name: /^Keys/ }).click();
  await page.getByRole('button', { name: /Actions for key/ }).click();
  await page.getByRole('menuitem', { name: 'Replace key' }).click();
  await page.getByRole('dialog').getByLabel('API key').fill('sk-second');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Key saved')).toBeVisible();
  await until(() => stack.upstream.seen.at(-1)?.key === 'sk-second', () => 'the new key is not used');

  // Edit: the change is shown before it is made.
  await page.getByRole('link', { name: 'Settings', exact: true }).last().click();
  await page.getByLabel('First token, ms').fill('20000');
  await page.getByRole('button', { name: 'Review changes' }).click();
  await expect(page.getByRole('dialog').getByRole('cell', { name: 'timeouts.first_token_ms' })).toBeVisible();
  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByText(/Saved/).first()).toBeVisible();

  // Restart.
  await page.getByRole('link', { name: 'Now' }).click();
  await page.getByRole('button', { name: 'Actions for second' }).click();
  await page.getByRole('menuitem', { name: 'Restart' }).click();
  // The new key and the new settings each made a generation; the next one is the restart's.
  const before = (await stack.provider('second')).status?.generation ?? 0;
  await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click();
  await expect.poll(async () => Number(await cell('generation').innerText()), { timeout: 20_000 }).toBeGreaterThan(before);

  running = false;
  await traffic;
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(10);

  // Drain with a stream running: the count of what is left, and undo.
  const stream = await stack.call(key, 'slow', true);
  const reading = stream.text();
  await page.getByRole('button', { name: 'Drain', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
  await expect(page.getByText('Draining: 1 call left')).toBeVisible({ timeout: 10_000 });
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByText('Draining: 1 call left')).toBeHidden({ timeout: 10_000 });
  expect(await reading).toContain('[DONE]');

  // Who did it is in the timeline.
  await expect(page.getByText(/by ada/).first()).toBeVisible();

  // Disable and enable, from the list, without a reload.
  await page.goto(`${stack.url}/providers`);
  const row = page.locator('tr[data-provider=second]');
  await row.getByRole('button', { name: 'Actions for second' }).click();
  await page.getByRole('menuitem', { name: 'Disable' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
  await expect(row.getByText('Stopped')).toBeVisible();
  await row.getByRole('button', { name: 'Actions for second' }).click();
  await page.getByRole('menuitem', { name: 'Enable' }).click();
  await expect(row.getByText('Ready')).toBeVisible();

  // Delete: the name typed; refused while an app's route names it, with the reason.
  await row.getByRole('button', { name: 'Actions for second' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Delete' })).toBeDisabled();
  await dialog.getByLabel('Type second to confirm').fill('second');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(dialog.getByRole('alert')).toContainText('traffic');
  await stack.ask('DELETE', '/apps/traffic/route');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(row).toBeHidden();
});
