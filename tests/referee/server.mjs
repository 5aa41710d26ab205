// An authorization server that nobody on the project wrote: npm's `oidc-provider`, with refresh
// tokens that rotate, and a grant that is revoked when one of them comes twice. Its own event
// `grant.revoked` is the verdict.
//
//     node server.mjs PORT
//
// POST /mint?users=N   refresh tokens of N users who have signed in, one a line
// GET /verdict         how many grants were revoked, and how many tokens issued, as JSON
//
// Everything else is the provider's: POST /token, and GET /me as the API.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { Provider } from 'oidc-provider';

const [port] = process.argv.slice(2).map(Number);
const issuer = `http://127.0.0.1:${port}`;
const client = {
  client_id: 'referee',
  client_secret: 's3cret-of-the-referee',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://client.example.com/callback'],
};

const provider = new Provider(issuer, {
  clients: [client],
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  ttl: { AccessToken: 2, RefreshToken: 3600, Grant: 3600, IdToken: 3600 },
});

const counts = { revoked: 0, issued: 0 };
provider.on('grant.revoked', () => { counts.revoked += 1; });
provider.on('access_token.saved', () => { counts.issued += 1; });

// The token endpoint has done its work, and takes 50 ms to say so.
provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === '/token') await sleep(50);
});

const provide = provider.callback();

createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/mint') {
    const tokens = [];
    for (let user = 0; user < Number(url.searchParams.get('users')); user += 1) {
      tokens.push(await mint());
    }
    response.end(tokens.join('\n'));
  } else if (url.pathname === '/verdict') {
    response.end(JSON.stringify(counts));
  } else {
    provide(request, response);
  }
}).listen(port, '127.0.0.1', () => console.log('ready'));

let users = 0;

async function mint() {
  users += 1;
  const accountId = `user-${users}`;
  const scope = 'openid offline_access';
  const grant = new provider.Grant({ accountId, clientId: client.client_id });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  return new provider.RefreshToken({
    client: await provider.Client.find(client.client_id),
    accountId,
    grantId,
    scope,
    gty: 'authorization_code',
    authTime: Math.floor(Date.now() / 1000),
  }).save();
}
