import { createHash } from 'node:crypto';

/** One style for all pages: readable at any zoom, visible focus, contrast above 7:1, no image, no script. */
const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: #f4f5f7; color: #16181d; }
main { max-width: 26rem; margin: 10vh auto; padding: 2rem; background: #fff; border-radius: .5rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .6rem; border: 1px solid #5c6370; border-radius: .25rem; }
button { font: inherit; font-weight: 600; margin: 1.5rem .5rem 0 0; padding: .6rem 1.2rem; border: 2px solid #1a4fb4; border-radius: .25rem; background: #1a4fb4; color: #fff; }
button.plain { background: transparent; color: #1a4fb4; }
:focus-visible { outline: 3px solid #d97706; outline-offset: 2px; }
.error { border-left: 4px solid #b00020; padding: .5rem .75rem; background: #fdecee; color: #7a0016; }
@media (prefers-color-scheme: dark) {
  body { background: #14161a; color: #f1f2f4; }
  main { background: #1f2329; }
  input { background: #14161a; color: inherit; border-color: #9aa3b2; }
  button.plain { color: #9fc1ff; border-color: #9fc1ff; }
}
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/**
 * The Content-Security-Policy of a page.
 * @param formTarget - where the page's form may lead in the end; browsers check redirects after a form, too.
 */
export function policyOf(formTarget: readonly string[] = []): string {
  const targets = ["'self'", ...formTarget].join(' ');
  return `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${targets}; frame-ancestors 'none'; base-uri 'none'`;
}

/** The source expression for a redirect URI: its origin, or its scheme for an app's own. */
export function formTargetOf(redirectURI: string): string[] {
  const url = URL.parse(redirectURI);
  if (url === null) return [];
  return [/^https?:$/.test(url.protocol) ? url.origin : url.protocol];
}

export function escapeHTML(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** @param body - HTML that is already safe. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHTML(title)}</title>
<style>${STYLE}</style>
</head>
<body><main>
<h1>${escapeHTML(title)}</h1>
${body}
</main></body>
</html>
`;
}

export function loginPage(options: { action: string; clientName: string; email?: string; error?: string }): string {
  const { action, clientName, email, error } = options;
  const alert = error === undefined ? '' : `<p class="error" role="alert" id="error">${escapeHTML(error)}</p>`;
  const described = error === undefined ? '' : ' aria-describedby="error" aria-invalid="true"';
  return page(
    'Log in',
    `<p>to continue to <strong>${escapeHTML(clientName)}</strong></p>
${alert}
<form method="post" action="${escapeHTML(action)}/login">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value="${escapeHTML(email ?? '')}"${described}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"${described}>
<button type="submit">Log in</button>
<button type="submit" class="plain" formaction="${escapeHTML(action)}/abort" formnovalidate>Cancel</button>
</form>`,
  );
}

export function consentPage(options: { action: string; clientName: string; wishes: readonly string[] }): string {
  const { action, clientName, wishes } = options;
  const list = wishes.map((wish) => `<li>${escapeHTML(wish)}</li>`).join('\n');
  return page(
    'Allow access?',
    `<p><strong>${escapeHTML(clientName)}</strong> asks for:</p>
<ul>
${list}
</ul>
<form method="post" action="${escapeHTML(action)}/consent">
<button type="submit">Allow</button>
<button type="submit" class="plain" formaction="${escapeHTML(action)}/abort">Deny</button>
</form>`,
  );
}

/** @param form - the engine's form with id `op.logoutForm`. */
export function logoutPage(form: string): string {
  return page(
    'Log out?',
    `<p>You are about to log out of this browser.</p>
${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes">Log out</button>
<button type="submit" form="op.logoutForm" class="plain">Stay</button>`,
  );
}

export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escapeHTML(text)}</p>`);
}
