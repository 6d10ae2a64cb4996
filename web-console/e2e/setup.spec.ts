import { audit } from './audit.ts';
import { expect, guard, shell, Stack } from './stack.ts';
import { test } from '@playwright/test';

test('from nothing to a first answered call', async ({ page }) => {
  const began = Date.now();
  const stack = await Stack.start();
  try {
    const offences = guard(page, stack);
    await page.goto(await stack.setupLink());
    await expect(page).toHaveURL(`${stack.url}/setup`);
    await audit(page, '/setup', '1440-light-en-US');
    await page.getByLabel('User name').fill('ada');
    await page.getByLabel('Password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Create administrator' }).click();

    // The wrong key first: the provider's own words, and what was typed is still there.
    await page.getByLabel('Search presets').fill('openai');
    await page.getByRole('button', { name: 'OpenAI openai', exact: true }).click();
    await page.getByLabel('Address').fill(stack.upstream.url);
    await page.getByLabel('API key').fill('sk-wrong');
    await page.getByRole('button', { name: 'Create and test' }).click();
    await expect(page.getByText('Incorrect API key provided.').first()).toBeVisible();
    await expect(page.getByLabel('Address')).toHaveValue(stack.upstream.url);
    await page.getByLabel('API key').fill('sk-good');
    await page.getByRole('button', { name: 'Save and test again' }).click();
    await expect(page.getByText('It works')).toBeVisible({ timeout: 20_000 });
    await audit(page, '/setup/provider', '1440-light-en-US');
    await page.getByRole('button', { name: 'Continue' }).click();

    await page.getByLabel('Name of the app').fill('first');
    await page.getByRole('button', { name: 'Create key' }).click();
    await expect(page.getByText('Waiting for the first call')).toBeVisible();

    // The snippet as it stands there, run by a shell.
    await page.getByLabel('Model').fill('quick');
    const snippet = await page.getByRole('region', { name: 'curl' }).innerText();
    const answer = await shell(snippet);
    expect(answer).toContain('Hello from upstream.');
    await expect(page.getByText('The first call was answered')).toBeVisible();
    expect(Date.now() - began).toBeLessThan(90_000);

    await audit(page, '/setup/call', '1440-light-en-US');
    await page.getByRole('button', { name: 'Open the console' }).click();
    await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
    expect(offences).toEqual([]);
    // The link was good once.
    await page.goto(await stack.setupLink());
    await expect(page.getByText('LLM Link is set up already')).toBeHidden();
    await expect(page.getByText('Choose a preset')).toBeVisible();
  } finally {
    await stack.stop();
  }
});

test.describe('as narrow as a phone, in Chinese, dark', () => {
  test.use({ locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 360, height: 800 } });

  test('the setup is all there', async ({ page }) => {
    const stack = await Stack.start();
    try {
      await page.goto(await stack.setupLink());
      await expect(page.getByRole('button', { name: '创建管理员' })).toBeVisible();
      await audit(page, '/setup', '360-dark-zh-CN');
    } finally {
      await stack.stop();
    }
  });
});
