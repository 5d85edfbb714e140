// A real OpenID Connect provider on loopback, for the tests of signing in.
// usage: node provider.mjs HOST PORT CLIENTS.json ACCOUNTS.json, with a name of loopback as HOST
// ACCOUNTS.json holds claims by login name, and is read anew for each sign-in.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [host, port, clients, accounts] = process.argv.slice(2);

const configuration = {
  clients: JSON.parse(readFileSync(clients, 'utf8')),
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'email', 'groups'],
  pkce: { required: () => true },
  cookies: { keys: ['of no worth'] },
  features: { devInteractions: { enabled: true } },
  findAccount(_, login) {
    const claims = JSON.parse(readFileSync(accounts, 'utf8'))[login];
    return claims && { accountId: login, claims: () => ({ sub: login, ...claims }) };
  },
};

const provider = new Provider(`http://${host}:${port}`, configuration);
provider.on('server_error', (_, error) => console.error(error));
const server = provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
process.on('SIGTERM', () => { server.closeAllConnections(); server.close(); });
