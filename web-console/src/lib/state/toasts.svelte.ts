/** Short messages about what was just done. Errors stay until they are closed. */

export interface Toast {
  id: number;
  tone: 'good' | 'bad';
  text: string;
}

class Toasts {
  all = $state.raw<Toast[]>([]);
  private next = 1;

  good(text: string): void {
    const id = this.add('good', text);
    setTimeout(() => this.close(id), 5000);
  }

  bad(text: string): void {
    this.add('bad', text);
  }

  close(id: number): void {
    this.all = this.all.filter((t) => t.id !== id);
  }

  private add(tone: Toast['tone'], text: string): number {
    const id = this.next++;
    this.all = [...this.all.filter((t) => t.text !== text).slice(-3), { id, tone, text }];
    return id;
  }
}

export const toasts = new Toasts();
