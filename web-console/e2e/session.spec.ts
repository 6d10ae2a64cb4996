import { ADMIN, enter, expect, guard, test } from './stack.ts';

test('wrong password, then the right one, then back where one was going', async ({ page, stack }) => {
  const offences = guard(page, stack);
  await page.goto(`${stack.url}/models?q=quick`);
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await page.getByLabel('User name').fill(ADMIN.user);
  await page.getByLabel('Password').fill('not this one');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('User name or password is wrong');
  await expect(page.getByLabel('User name')).toHaveValue(ADMIN.user);
  await page.getByLabel('Password').fill(ADMIN.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(/\/models\?q=quick$/);
  await expect(page.getByRole('heading', { name: 'Models' })).toBeVisible();
  expect(offences).toEqual([]);
});

test('an access token that has run out is renewed unseen', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/providers`);
  await expect(page.getByRole('link', { name: 'main' }).first()).toBeVisible();
  await context.clearCookies({ name: 'llm_link_access' });
  await page.getByRole('link', { name: 'Apps' }).click();
  await expect(page.getByRole('heading', { name: 'Apps' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'team' })).toBeVisible();
});

test('a session that is over leads to the sign-in and back', async ({ page, stack, context }) => {
  await enter(context, stack);
  await page.goto(`${stack.url}/providers`);
  await expect(page.getByRole('heading', { name: 'Providers' })).toBeVisible();
  await context.clearCookies();
  // A question in the background may find it out before the click does.
  await page.getByRole('link', { name: 'Apps' }).click({ timeout: 3000 }).catch(() => {});
  await expect(page.getByText('Your session has ended')).toBeVisible();
  await page.getByLabel('User name').fill(ADMIN.user);
  await page.getByLabel('Password').fill(ADMIN.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(/\/(apps|providers)$/);
});

test('an address of somebody else is no place to go on to', async ({ page, stack }) => {
  for (const next of ['//evil.example/', 'https://evil.example/', '/\\evil.example']) {
    await page.context().clearCookies();
    await page.goto(`${stack.url}/login?${new URLSearchParams({ next })}`);
    await page.evaluate(() => localStorage.clear());
    await page.getByLabel('User name').fill(ADMIN.user);
    await page.getByLabel('Password').fill(ADMIN.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(`${stack.url}/`);
  }
});
