/** Where one can go, in the order of the side bar, and what each place needs. */

import type { Permission } from '#lib/api/types.ts';
import { t } from '#lib/i18n/index.svelte.ts';
import Activity from '@lucide/svelte/icons/activity';
import AppWindow from '@lucide/svelte/icons/app-window';
import Boxes from '@lucide/svelte/icons/boxes';
import ChartNoAxesCombined from '@lucide/svelte/icons/chart-no-axes-combined';
import FileText from '@lucide/svelte/icons/file-text';
import ListTree from '@lucide/svelte/icons/list-tree';
import MessageSquare from '@lucide/svelte/icons/message-square';
import Server from '@lucide/svelte/icons/server';
import Settings from '@lucide/svelte/icons/settings';
import type { Component } from 'svelte';

export interface Destination {
  href: string;
  text: string;
  icon: Component<{ class?: string }>;
  needs: Permission | null;
}

export function destinations(): { title: string | null; pages: Destination[] }[] {
  return [
    { title: null, pages: [{ href: '/', text: t('nav.overview'), icon: Activity, needs: null }] },
    {
      title: t('nav.run'),
      pages: [
        { href: '/providers', text: t('nav.providers'), icon: Server, needs: 'ViewProviders' },
        { href: '/apps', text: t('nav.apps'), icon: AppWindow, needs: 'ViewProviders' },
        { href: '/models', text: t('nav.models'), icon: Boxes, needs: 'ViewProviders' },
        { href: '/playground', text: t('nav.playground'), icon: MessageSquare, needs: 'ViewProviders' }
      ]
    },
    {
      title: t('nav.watch'),
      pages: [
        { href: '/monitoring', text: t('nav.monitoring'), icon: ChartNoAxesCombined, needs: 'ViewMetrics' },
        { href: '/monitoring/requests', text: t('nav.requests'), icon: ListTree, needs: 'ViewMetrics' },
        { href: '/monitoring/logs', text: t('nav.logs'), icon: FileText, needs: 'ViewMetrics' }
      ]
    },
    { title: t('nav.system'), pages: [{ href: '/settings', text: t('nav.settings'), icon: Settings, needs: null }] }
  ];
}

/** The page of the side bar that an address belongs to. */
export function current(path: string): string {
  const all = destinations().flatMap((g) => g.pages.map((p) => p.href));
  return all.filter((href) => path === href || (href !== '/' && path.startsWith(`${href}/`))).sort((a, b) => b.length - a.length)[0] ?? '/';
}
