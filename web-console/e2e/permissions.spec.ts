import { enter, expect, test } from './stack.ts';

const WEI = { user: 'wei', password: 'nine lives of a cat' };

test('who may only look sees no more, and can do no more', async ({ page, stack, context }) => {
  await stack.ask('POST', '/users', { spec: { name: WEI.user, permissions: ['ViewProviders'], enabled: true }, password: WEI.password });
  await enter(context, stack, WEI);
  await page.goto(`${stack.url}/providers`);
  await expect(page.getByRole('link', { name: 'main' }).first()).toBeVisible();
  await expect(page.getByRole('button', { name: /Actions for/ })).toHaveCount(0);
  await expect(page.getByRole('link', { name: 'Add provider' })).toHaveCount(0);
  const nav = page.getByRole('navigation', { name: 'Main navigation' });
  await expect(nav.getByRole('link', { name: 'Apps' })).toBeVisible();
  for (const hidden of ['Monitoring', 'Requests', 'Logs']) await expect(nav.getByRole('link', { name: hidden })).toHaveCount(0);
  await page.goto(`${stack.url}/settings`);
  await expect(page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Users' })).toHaveCount(0);

  // The addresses typed in by hand, and the API itself.
  await page.goto(`${stack.url}/settings/users`);
  await expect(page.getByRole('alert')).toContainText('You may not do that');
  const refused = await page.evaluate(async () => {
    const ask = (method: string, path: string) => fetch(`/api/v1${path}`, { method, headers: { 'x-llm-link-csrf': '1' } }).then((r) => r.status);
    return Promise.all([ask('POST', '/providers/main/restart'), ask('DELETE', '/providers/main'), ask('GET', '/users'), ask('GET', '/calls'), ask('GET', '/config/export')]);
  });
  expect(refused).toEqual([403, 403, 403, 403, 403]);
});
