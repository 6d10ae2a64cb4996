/** The live stream: one WebSocket for all pages. It reconnects by itself, from the last frame it saw. Where there is
 * none (a proxy lets it not through, a person may not have it), the state is asked for every few seconds instead. */

import { BASE, renew } from '#lib/api/client.ts';
import { system } from '#lib/api/index.ts';
import type { CallSummary, ChildStatus, EventView, LiveFrame, LiveMeter, LiveProcess, LiveTick, SystemStatus } from '#lib/api/types.ts';

const KEEP = 600;
const SILENCE_MS = 4000;
const PAUSES_MS = [250, 500, 1000, 2000, 5000];
/** So many refused handshakes, and the state is asked for; a socket is still tried now and then. */
const REFUSED = 2;
const ASK_MS = 3000;
const RETRY_MS = 30_000;

export interface Sample {
  at: number;
  meter: LiveMeter;
  rss: number;
  cpu: number;
}

type Listener<T> = (value: T) => void;

class Live {
  tick = $state.raw<LiveTick | null>(null);
  state = $state<'off' | 'connecting' | 'live' | 'asking' | 'stale'>('off');
  /** Of the last frame, by this machine's clock. */
  seen = $state<number | null>(null);
  /** The last ten minutes of each provider, `''` for all. Not reactive: read it when a tick comes. */
  readonly history = new Map<string, Sample[]>();

  private socket: WebSocket | null = null;
  private last: number | null = null;
  private failures = 0;
  private refused = 0;
  private asking: ReturnType<typeof setInterval> | null = null;
  private wanted = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private watch: ReturnType<typeof setInterval> | null = null;
  private events = new Set<Listener<EventView>>();
  private calls = new Set<Listener<CallSummary>>();
  private gaps = new Set<Listener<void>>();

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.state = 'connecting';
    this.connect();
    this.watch = setInterval(() => this.check(), 1000);
  }

  stop(): void {
    this.wanted = false;
    if (this.timer) clearTimeout(this.timer);
    if (this.watch) clearInterval(this.watch);
    this.endAsking();
    this.timer = this.watch = null;
    this.socket?.close();
    this.socket = null;
    this.tick = null;
    this.state = 'off';
    this.last = null;
    this.failures = this.refused = 0;
    this.history.clear();
  }

  /** Follows events while the component lives. */
  onEvent(listener: Listener<EventView>): void {
    this.follow(this.events, listener);
  }

  onCall(listener: Listener<CallSummary>): void {
    this.follow(this.calls, listener);
  }

  /** Frames were missed: what was read must be read again. */
  onGap(listener: Listener<void>): void {
    this.follow(this.gaps, listener);
  }

  private follow<T>(set: Set<Listener<T>>, listener: Listener<T>): void {
    $effect(() => {
      set.add(listener);
      return () => set.delete(listener);
    });
  }

  private connect(): void {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const after = this.last === null ? '' : `?after=${this.last}`;
    const socket = new WebSocket(`${scheme}://${location.host}${BASE}/monitoring/realtime${after}`);
    this.socket = socket;
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onmessage = (message) => this.take(JSON.parse(String(message.data)) as LiveFrame);
    socket.onclose = () => {
      if (this.socket !== socket || !this.wanted) return;
      this.socket = null;
      this.again(opened);
    };
  }

  private again(opened: boolean): void {
    if (this.state === 'live') this.state = 'stale';
    this.refused = opened ? 0 : this.refused + 1;
    if (this.refused >= REFUSED) this.beginAsking();
    const pause = this.asking ? RETRY_MS : (PAUSES_MS[Math.min(this.failures, PAUSES_MS.length - 1)] ?? 5000);
    this.failures += 1;
    this.timer = setTimeout(() => {
      // A handshake that was refused may only lack a fresh session.
      const ready = opened ? Promise.resolve(true) : renew();
      void ready.then(() => {
        if (this.wanted) this.connect();
      });
    }, pause);
  }

  /** A connection that says nothing is as good as none. */
  private check(): void {
    if (this.state !== 'live' || this.seen === null || Date.now() - this.seen < SILENCE_MS) return;
    this.state = 'stale';
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.again(true);
  }

  private take(frame: LiveFrame): void {
    // A router that was replaced counts anew: what it did not see, it cannot say.
    const missed = this.last !== null && frame.seq < this.last;
    this.last = frame.seq;
    this.seen = Date.now();
    this.state = 'live';
    this.failures = this.refused = 0;
    this.endAsking();
    if (missed) this.gaps.forEach((tell) => tell());
    switch (frame.kind) {
      case 'tick':
        this.remember(frame);
        this.tick = frame;
        break;
      case 'event':
        this.events.forEach((tell) => tell(frame.event));
        break;
      case 'call':
        this.calls.forEach((tell) => tell(frame.call));
        break;
      case 'gap':
        this.gaps.forEach((tell) => tell());
        break;
    }
  }

  private beginAsking(): void {
    if (this.asking) return;
    void this.askOnce();
    this.asking = setInterval(() => !document.hidden && void this.askOnce(), ASK_MS);
  }

  private endAsking(): void {
    if (this.asking) clearInterval(this.asking);
    this.asking = null;
  }

  private async askOnce(): Promise<void> {
    try {
      const status = await system.status();
      if (!this.asking) return;
      // What pages read just before the first answer is not old yet.
      const follows = this.state === 'asking';
      this.seen = Date.now();
      this.state = 'asking';
      const tick = tickOf(status, this.seen);
      this.remember(tick);
      this.tick = tick;
      if (follows) this.gaps.forEach((tell) => tell());
    } catch {
      if (this.asking && this.state === 'asking') this.state = 'stale';
    }
  }

  private remember(tick: LiveTick): void {
    this.push('', { at: tick.at, meter: tick.total, rss: tick.router.rss_bytes, cpu: tick.router.cpu_percent });
    for (const [name, p] of Object.entries(tick.providers)) {
      this.push(name, { at: tick.at, meter: p.meter, rss: p.process.rss_bytes, cpu: p.process.cpu_percent });
    }
  }

  private push(name: string, sample: Sample): void {
    let samples = this.history.get(name);
    if (!samples) this.history.set(name, (samples = []));
    samples.push(sample);
    if (samples.length > KEEP) samples.splice(0, samples.length - KEEP);
  }
}

function processOf(child: ChildStatus | null): LiveProcess {
  const pulse = child?.pulse ?? null;
  return {
    pid: child?.pid ?? null,
    generation: child?.generation ?? 0,
    rss_bytes: pulse?.rss_bytes ?? 0,
    memory_limit_bytes: child?.memory_limit_bytes ?? 0,
    cpu_percent: 0,
    open_files: pulse?.open_files ?? 0,
    loop_lag_us: pulse?.loop_lag_us ?? 0
  };
}

/** What a status says of a tick: states and processes, no rates. */
function tickOf(status: SystemStatus, at: number): LiveTick {
  const meter = (inFlight: number): LiveMeter => ({ in_flight: inFlight, queued: 0, calls_per_s: 0, errors_per_s: 0, tokens_per_s: 0, latency_p50_us: null, latency_p95_us: null, first_token_p95_us: null, overhead_p95_us: null });
  const busy = (children: (ChildStatus | null)[]) => children.reduce((sum, c) => sum + (c?.pulse?.in_flight ?? 0), 0);
  const providers = Object.fromEntries(
    status.providers.map((p) => [
      p.name,
      { state: p.state, reason: p.reason, since_ms: p.since_ms, meter: meter(busy([p.current, ...p.retiring])), process: processOf(p.current), restarts: p.restarts, breakers: [] }
    ])
  );
  const supervisor = { ...processOf(null), pid: status.pid };
  return { seq: 0, at, epoch: status.epoch, total: meter(busy([status.router])), providers, router: processOf(status.router), supervisor };
}

export const live = new Live();
