/** A page, or the address that an application waits at. */
export interface BrowserPage {
  readonly html: string;
  readonly callback?: URL;
}

const REDIRECTS_MAX = 10;

/** Just enough of a browser for a login page: cookies, redirects, forms. */
export class CookieBrowser {
  readonly #callback: string;
  readonly #cookies = new Map<string, string>();
  #address = '';

  /** @param callback - redirects to it are not followed. */
  constructor(callback: string) {
    this.#callback = callback;
  }

  open(url: string): Promise<BrowserPage> {
    return this.#go(url, {});
  }

  submit(action: string, fields: Readonly<Record<string, string>>): Promise<BrowserPage> {
    return this.#go(new URL(action, this.#address).href, { method: 'POST', body: new URLSearchParams(fields) });
  }

  async #go(url: string, init: { method?: string; body?: URLSearchParams }): Promise<BrowserPage> {
    let target = url;
    let request: RequestInit = init;
    for (let count = 0; count < REDIRECTS_MAX; count += 1) {
      if (target.startsWith(this.#callback)) return { html: '', callback: new URL(target) };
      this.#address = target;
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(target, { ...request, redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const location = response.headers.get('location');
      if (location === null) return { html: await response.text() };
      await response.body?.cancel();
      target = new URL(location, target).href;
      request = {};
    }
    throw new Error(`more than ${REDIRECTS_MAX} redirects`);
  }

  #keep(line: string): void {
    const [pair = ''] = line.split(';');
    const at = pair.indexOf('=');
    if (at > 0) this.#cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
}
