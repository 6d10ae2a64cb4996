import { enter, expect, shell, test } from './stack.ts';

test('an app, its key, and the snippet run as it stands', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/apps`);
  await page.getByRole('button', { name: 'Add app' }).first().click();
  await page.getByRole('dialog').getByLabel('Name').fill('editor');
  await page.getByRole('dialog').getByRole('button', { name: 'Create app' }).click();
  await expect(page).toHaveURL(/\/apps\/editor/);
  await page.getByRole('dialog').getByLabel('Label').fill('laptop');
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('Copy it now')).toBeVisible();
  await dialog.getByLabel('Model').fill('quick');
  const secret = await dialog.getByRole('region', { name: /New key/ }).innerText();
  const snippet = await dialog.getByRole('region', { name: 'curl' }).innerText();
  expect(snippet).toContain(secret);
  expect(await shell(snippet)).toContain('Hello from upstream.');
  await dialog.getByRole('button', { name: 'I have kept it' }).click();
  // Shown once: nowhere in the page afterwards.
  await expect(page.getByRole('cell', { name: 'laptop', exact: true })).toBeVisible();
  expect(await page.content()).not.toContain(secret);

  await page.getByRole('button', { name: 'Actions for key laptop' }).click();
  await page.getByRole('menuitem', { name: 'Rotate' }).click();
  await page.getByLabel('The old key goes on for').selectOption('0');
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
  const next = await page.getByRole('region', { name: /New key/ }).innerText();
  expect(next).not.toBe(secret);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  expect((await stack.call(next, 'quick')).status).toBe(200);
  expect((await stack.call(secret, 'quick')).status).toBe(401);
});

test('routing with a dry run', async ({ page, stack, context }) => {
  await stack.addApp('routed');
  if (!(await stack.ask<{ items: { spec: { name: string } }[] }>('GET', '/providers')).items.some((p) => p.spec.name === 'other')) await stack.addProvider('other');
  await enter(context, stack);
  await page.goto(`${stack.url}/apps/routed?tab=routing`);
  await page.getByRole('button', { name: 'Give it a route of its own' }).click();
  const first = () => page.getByLabel('Provider of place 1').first();
  await first().selectOption('main');
  await page.getByLabel('Provider of place 2').first().selectOption('other');
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByText('Saved and in force')).toBeVisible();

  await page.getByLabel('Model', { exact: true }).fill('quick');
  await page.getByRole('button', { name: 'Try' }).click();
  await expect(page.getByText(/this call would go to main/i)).toBeVisible();

  // By the keyboard: the second moves up, and the answer changes.
  await page.getByRole('button', { name: 'Move other, place 2, up' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Review changes' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.getByRole('button', { name: 'Try' }).click();
  await expect(page.getByText(/this call would go to other/i)).toBeVisible();
});
