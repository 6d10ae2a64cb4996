import { enter, expect, FILE_KEY, test } from './stack.ts';

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
